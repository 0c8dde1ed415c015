//! `GetLogEvents`: lines of one stream, forward and backward, by tokens that repeat at the end.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    log_book::Line,
    read::{read, within},
    refusal::Refusal,
    shared::Shared,
};

/// The largest answer, in bytes of messages with 26 more for each.
const LARGEST: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GetLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
    #[serde(rename = "unmask")]
    _unmask: Option<bool>,
}

/// Which way a token leads, and from where.
#[derive(Clone, Copy)]
enum From {
    Forward(usize),
    Backward(usize),
}

/// Reads lines.
pub(crate) fn get(shared: &Shared, body: &[u8]) -> Result<Value, Refusal> {
    let (request, _) = read::<GetLogEvents>(body)?;
    let group = request.group()?;
    let limit = within("limit", request.limit.unwrap_or(10_000), 1, 10_000)?;
    shared.read(|cloud| {
        let known = cloud.logs.stream(group, &request.log_stream_name);
        let lines = known.ok_or_else(|| {
            let known = cloud.logs.has_group(group)
                || cloud.definitions.iter().any(|one| one.log_group() == group);
            let what = if known { "stream" } else { "group" };
            Refusal::new(
                400,
                "ResourceNotFoundException",
                format!("The specified log {what} does not exist."),
            )
        })?;
        let from = request.from(lines.len())?;
        Ok(request.page(lines, from, limit))
    })
}

impl GetLogEvents {
    fn group(&self) -> Result<&str, Refusal> {
        match (&self.log_group_name, &self.log_group_identifier) {
            (Some(name), None) => Ok(name),
            // An ARN ends in `:log-group:NAME`, or in `:*` after it.
            (None, Some(arn)) => {
                let name = arn
                    .rsplit_once(":log-group:")
                    .map_or(arn.as_str(), |(_, name)| name);
                Ok(name.trim_end_matches(":*"))
            }
            _ => Err(Refusal::invalid_parameter(
                "give either logGroupName or logGroupIdentifier, not both.",
            )),
        }
    }

    fn from(&self, lines: usize) -> Result<From, Refusal> {
        let Some(token) = &self.next_token else {
            return Ok(if self.start_from_head.unwrap_or_default() {
                From::Forward(0)
            } else {
                From::Backward(lines)
            });
        };
        let read = || {
            let (way, number) = token.strip_suffix("/s")?.split_once('/')?;
            let number: usize = number.parse().ok().filter(|number| *number <= lines)?;
            match way {
                "f" => Some(From::Forward(number)),
                "b" => Some(From::Backward(number)),
                _ => None,
            }
        };
        read().ok_or_else(|| Refusal::invalid_parameter("The specified nextToken is invalid."))
    }

    fn takes(&self, line: &Line) -> bool {
        self.start_time.is_none_or(|start| line.time >= start)
            && self.end_time.is_none_or(|end| line.time < end)
    }

    fn page(&self, lines: &[Line], from: From, limit: usize) -> Value {
        let (mut first, mut last) = match from {
            From::Forward(start) | From::Backward(start) => (start, start),
        };
        let (mut taken, mut bytes) = (Vec::new(), 0);
        loop {
            let next = match from {
                From::Forward(_) if last < lines.len() => last,
                From::Backward(_) if first > 0 => first - 1,
                _ => break,
            };
            if self.takes(&lines[next]) {
                bytes += lines[next].message.len() + 26;
                if taken.len() == limit || (bytes > LARGEST && !taken.is_empty()) {
                    break;
                }
                taken.push(&lines[next]);
            }
            (first, last) = (first.min(next), last.max(next + 1));
        }
        if matches!(from, From::Backward(_)) {
            taken.reverse();
        }
        let events: Vec<Value> = taken
            .iter()
            .map(|line| json!({"timestamp": line.time, "message": line.message, "ingestionTime": line.time}))
            .collect();
        json!({
            "events": events,
            "nextForwardToken": format!("f/{last:056}/s"),
            "nextBackwardToken": format!("b/{first:056}/s"),
        })
    }
}
