//! What may be estimated (policy) and what may be shown (disclosure control). Pure.
//!
//! Promises: ethnicity only where the policy names it with a legal basis; counts leave a window only through
//! [`release()`], once.

#[cfg(test)]
mod attack;
mod disclosure;
mod policy;
mod release;
#[expect(
    missing_docs,
    reason = "the names say it, and a sentence would go into the schema of the config"
)]
mod rules;
mod seal;
mod shares;

pub use disclosure::{Cells, Thresholds, suppress};
pub use policy::{Admit, Policy};
pub use release::{ReleasedAttribute, ReleasedWindow, release};
pub use rules::{PolicyRules, SourceRules, UnknownSources};
pub use seal::Sealed;
pub use shares::{ShownShare, ShownShares, masked, show_shares, show_summed_shares};
