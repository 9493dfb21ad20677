//! Inventories for people and programs: a table, a table for spreadsheets, and one page.
//!
//! Every name came from outside, and is escaped: for a terminal, for a spreadsheet, for a page.

mod csv;
mod page;
mod table;
mod view;

pub(crate) use csv::csv;
pub(crate) use page::page;
pub(crate) use table::{text, trouble};
