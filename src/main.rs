//! The binary `persona`.

fn main() {}
