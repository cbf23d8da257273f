//! The vocabulary of the registry: values that cannot be built wrong, and nothing that does I/O.

mod access;
mod caller;
mod chance;
mod clock;
mod commit;
mod dialect;
mod digest;
mod field;
pub mod files;
pub mod limits;
mod name;
mod number;
mod persona;
mod role;

pub use access::{Access, Granted, Missing, Scope};
pub use caller::{Caller, Denied, Principal};
pub use chance::fraction;
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use commit::{
    Brought, Change, Commit, Method, RequestKey, RequestRecord, SourceBase, SourceId, StoreId, WriteOutcome,
};
pub use dialect::{Dialect, DialectReason, Profile};
pub use digest::{Digest, Etag};
pub use field::Field;
pub use name::{Alias, InvalidName, Name, Namespace};
pub use number::{Revision, Sequence, Version};
pub use persona::{
    AliasMove, BodyMark, BoundWaiver, Derived, Interaction, Origin, Persona, Purge, Section, Tombstone, View,
    Waiver,
};
pub use role::{Grant, InvalidPattern, InvalidRole, Pattern, Permission, Role};
