//! What goes into the audit log: a record of every commit, made of the commit itself, and events that are none, such as
//! refused calls.

mod check;
mod derive;
mod events;
mod keep;
mod list;
mod open;
mod refusal;

pub(super) use check::Checking;
pub(super) use events::Events;
pub(super) use open::{begin_restored, open};
pub(super) use refusal::Asked;

pub use events::AuditEvent;
pub use list::{AuditPage, ListAudit};
