//! Policy files: what is read, what is refused where, and what the fields do.

mod fields;
mod limits;
mod make;
mod order;
mod problems;
mod schema;
mod warnings;
mod world;
