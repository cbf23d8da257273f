//! The three counters: versions of a persona, revisions of the registry, sequence of the journal.

use std::fmt;

macro_rules! counter {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $type(pub u64);

        impl $type {
            /// The one after this.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, out)
            }
        }
    };
}

counter! {
    /// A version of one persona: 1, 2, 3 …; never reused, not even after delete and re-creation.
    /// 0 means "none yet".
    Version
}

counter! {
    /// The registry's one clock: a larger number a commit, gaps allowed. 0 is the empty registry.
    Revision
}

counter! {
    /// The place of a record in the journal: 1, 2, 3 … without a gap. Every revision has one;
    /// records that take no revision (an unchanged put's request id) have one too.
    Sequence
}
