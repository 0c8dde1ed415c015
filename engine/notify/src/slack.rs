//! A message as blocks of Slack. `&`, `<` and `>` are escaped, so no text of a stranger mentions anybody or makes a link.

use noctule_core::word::Letter;
use serde_json::{Value, json};

/// The most characters of a text block.
const BLOCK: usize = 2_900;

pub(crate) fn blocks(letter: &Letter) -> Value {
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "text": cut(&letter.subject, 150), "emoji": false } }),
        section(&format!("*{}*", bold(&letter.outcome))),
    ];
    let facts = letter.facts.iter();
    let facts: Vec<String> = facts
        .map(|(label, value)| format!("{label}: `{}`", code(value)))
        .collect();
    blocks.push(section(&facts.join("\n")));
    let mut add = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            let lines: Vec<String> = lines
                .iter()
                .map(|line| format!("• {}", escaped(line)))
                .collect();
            blocks.push(section(&format!("{title}\n{}", lines.join("\n"))));
        }
    };
    add("Different since the last good run:", &letter.changes);
    let mut others = letter.others.clone();
    if letter.unnamed > 0 {
        others.push(format!("and {} more", letter.unnamed));
    }
    add("Of the same cause:", &others);
    if !letter.log.is_empty() {
        blocks.push(section(&format!("```{}```", log(&letter.log))));
    } else if let Some(why) = &letter.log_absent {
        blocks.push(section(&format!("no log: {}", escaped(why))));
    }
    let links = letter.links.iter();
    let mut ends: Vec<String> = links
        .map(|(label, url)| format!("<{}|{label}>", url.replace(['<', '>', '|'], "")))
        .collect();
    ends.extend(
        letter
            .retry
            .iter()
            .map(|retry| format!("`{}`", code(retry))),
    );
    if !ends.is_empty() {
        blocks.push(section(&ends.join("  ")));
    }
    json!({ "text": escaped(&letter.subject), "blocks": blocks, "unfurl_links": false })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": cut(text, BLOCK), "verbatim": true } })
}

/// The last lines that fit.
fn log(lines: &[String]) -> String {
    let escaped = escaped(&lines.join("\n")).replace("```", "'''");
    let count = escaped.chars().count();
    escaped
        .chars()
        .skip(count.saturating_sub(BLOCK - 10))
        .collect()
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn code(text: &str) -> String {
    escaped(text).replace('`', "'")
}

fn bold(text: &str) -> String {
    escaped(text).replace('*', "∗")
}
