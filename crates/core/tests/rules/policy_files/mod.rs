//! Policy files: what is read, what is refused where, and what the fields do.

mod limits;
mod make;
mod problems;
mod schema;
mod warnings;
