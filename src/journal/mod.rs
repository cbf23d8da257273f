//! The order of commits and their durability.
