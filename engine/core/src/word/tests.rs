//! The outbox and the rules, on histories made by hand.
