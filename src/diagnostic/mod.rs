//! Findings about a document, as data: what, where, how to mend it. Judging lives in `document` and `validate`.

mod code;
mod fix;
mod near;
mod position;
pub mod render;
mod rules;

pub use code::{Code, FixKind, Rule, Severity};
pub use fix::{Together, Trust};
pub use near::{did_you_mean, nearest, slips};
pub use position::{LineIndex, Places, Position};
pub use rules::{UnknownRule, rules};

/// Half-open byte offsets into the submitted bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte; never below `start`.
    pub end: usize,
}

/// A second place that explains the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there, such as "first defined here".
    pub message: String,
}

/// How far a fix may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applicability {
    /// Keeps the meaning; applied by `--fix`.
    Safe,
    /// May change the meaning; applied on request only.
    Unsafe,
    /// Shown, never applied.
    DisplayOnly,
}

impl Applicability {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
            Self::DisplayOnly => "display-only",
        }
    }
}

/// One replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty for an insertion.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}

/// A way to mend a finding. Edits are sorted and disjoint, and belong together: all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in a few words.
    pub title: String,
    /// How far to trust it.
    pub applicability: Applicability,
    /// The replacements.
    pub edits: Vec<Edit>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which rule.
    pub code: Code,
    /// How bad, here (a rule may differ by dialect and profile, and a configuration may say otherwise).
    pub severity: Severity,
    /// How bad the rule says it is, where a configuration says otherwise.
    pub own_severity: Option<Severity>,
    /// One sentence, the offending text quoted and escaped.
    pub message: String,
    /// Where, in the submitted bytes.
    pub span: Span,
    /// Further places.
    pub labels: Vec<Label>,
    /// What to do, when there is something to say.
    pub help: Option<String>,
    /// Ways to mend it.
    pub fixes: Vec<Fix>,
    /// Path of the field, such as `frontmatter.tools[2]` or `body/interaction-protocol/input`.
    pub field: Option<String>,
    /// Why the document may carry it all the same; none: it was not waived.
    pub waived: Option<String>,
}

impl Diagnostic {
    /// A finding with nothing but its place and sentence; the rest is added by field update.
    #[must_use]
    pub fn new(code: Code, severity: Severity, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            own_severity: None,
            message: message.into(),
            span,
            labels: Vec::new(),
            help: None,
            fixes: Vec::new(),
            field: None,
            waived: None,
        }
    }

    /// Whether a document with this finding may not be stored. What a configuration says has no part in that.
    #[must_use]
    pub fn blocks_storing(&self) -> bool {
        self.own_severity.unwrap_or(self.severity) == Severity::Error && self.waived.is_none()
    }
}
