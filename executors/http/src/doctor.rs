//! Whether the hosts of all calls can be reached: a name is resolved and a connection made. Sends nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use tokio::net::TcpStream;

use noctule_executor::{Context, Finding};

use crate::config::Settings;
use crate::target;

const LIMIT: Duration = Duration::from_secs(10);

/// A line for each host.
pub(crate) async fn findings(context: &Context, configs: &[Value]) -> Vec<Finding> {
    let settings = match context.connection.as_ref().map(Settings::of).transpose() {
        Ok(settings) => settings.unwrap_or_default(),
        Err(problem) => {
            return vec![Finding {
                good: false,
                subject: "connection".to_owned(),
                message: problem.message,
            }];
        }
    };
    let base = settings.base_url.as_deref();
    let hosts: BTreeSet<_> = configs.iter().filter_map(|with| host(with, base)).collect();
    let mut findings = Vec::new();
    for (host, port) in hosts {
        findings.push(finding(&host, port).await);
    }
    findings
}

fn host(with: &Value, base: Option<&str>) -> Option<(String, u16)> {
    let text = with.get("url")?.as_str()?;
    let url = if target::is_path(text) {
        target::below(base?, "/").ok()?
    } else {
        Url::parse(text).ok()?
    };
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

async fn finding(host: &str, port: u16) -> Finding {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let connected = tokio::time::timeout(LIMIT, TcpStream::connect((bare, port))).await;
    let (good, message) = match connected {
        Ok(Ok(_)) => (true, "can be reached".to_owned()),
        Ok(Err(error)) => (false, format!("cannot be reached: {error}")),
        Err(_) => (
            false,
            format!("did not answer within {} s", LIMIT.as_secs()),
        ),
    };
    Finding {
        good,
        subject: format!("{host}:{port}"),
        message,
    }
}
