//! Short campaigns.
