//! Reading a form of the query protocol: known parameters, numbered members.
//!
//! A parameter that nobody reads is refused, where AWS would let it by.

use std::collections::BTreeMap;

use super::refusal::Refusal;

const VERSION: &str = "2015-12-01";

/// The parameters that were not read yet.
#[derive(Debug)]
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let mut query = Query(BTreeMap::new());
        for (name, value) in form_urlencoded::parse(body) {
            if query
                .0
                .insert(name.to_string(), value.into_owned())
                .is_some()
            {
                return Err(Refusal::validation(format!("{name} is given twice")));
            }
        }
        query.take("Action");
        match query.take("Version").as_deref() {
            Some(VERSION) => Ok(query),
            other => Err(Refusal::new(
                400,
                "NoSuchVersion",
                format!("version {other:?} is not served, but {VERSION}"),
            )),
        }
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    pub(crate) fn required(&mut self, name: &str) -> Result<String, Refusal> {
        self.take(name).ok_or_else(|| {
            Refusal::validation(format!(
                "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    /// `NAME.member.1`, `NAME.member.2`, ...
    pub(crate) fn texts(&mut self, name: &str) -> Vec<String> {
        (1..)
            .map_while(|number| self.take(&format!("{name}.member.{number}")))
            .collect()
    }

    /// The fields of `NAME.member.1.*`, then of `NAME.member.2.*`, ...
    pub(crate) fn members(&mut self, name: &str) -> Vec<BTreeMap<String, String>> {
        let mut members = Vec::new();
        loop {
            let prefix = format!("{name}.member.{}.", members.len() + 1);
            let names: Vec<String> = self
                .0
                .keys()
                .filter_map(|known| known.strip_prefix(&prefix).map(str::to_owned))
                .collect();
            if names.is_empty() {
                return members;
            }
            let fields = names
                .into_iter()
                .filter_map(|field| Some((field.clone(), self.take(&format!("{prefix}{field}"))?)));
            members.push(fields.collect());
        }
    }

    /// Refuses what is left.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::validation(format!("unknown parameter {name}"))),
        }
    }
}
