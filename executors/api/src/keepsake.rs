//! What an executor keeps on this machine of work that is long over.

/// How much of it is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keepsake {
    /// What the work wrote. That it was started stays on record.
    Log,
    /// Everything: the run itself is forgotten.
    All,
}
