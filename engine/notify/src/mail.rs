//! A message as a mail, over a server of the project.
//!
//! Headers are made by the library from one-line values, which encodes what is not plain; the text is plain text. The id of
//! the message is that of the mail, so one that arrives twice is seen to be one.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message as Mail};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use noctule_core::source::{Smtp, SmtpTls};
use noctule_core::word::Letter;

use crate::error::NotifyError;

/// The longest subject.
const SUBJECT: usize = 200;

/// A mail, ready to be sent.
pub(crate) fn mail(
    id: &str,
    from: &str,
    to: &[String],
    letter: &Letter,
) -> Result<Mail, NotifyError> {
    let address = |text: &str| {
        text.parse::<Mailbox>().map_err(|error| {
            NotifyError::Address(format!("`{text}` is no address of mail: {error}"))
        })
    };
    let from = address(from)?;
    let domain = from.email.domain().to_owned();
    let subject: String = letter.subject.chars().take(SUBJECT).collect();
    let mut builder = Mail::builder()
        .message_id(Some(format!("<{id}@{domain}>")))
        .from(from)
        .subject(format!("[noctule] {subject}"))
        .header(ContentType::TEXT_PLAIN);
    for to in to {
        builder = builder.to(address(to)?);
    }
    builder
        .body(text(letter))
        .map_err(|error| NotifyError::Unmade(error.to_string()))
}

/// Hands it to the server.
pub(crate) async fn send(
    smtp: &Smtp,
    password: Option<String>,
    mail: Mail,
    limit: Duration,
) -> Result<(), NotifyError> {
    let wrong = |error: lettre::transport::smtp::Error| {
        NotifyError::Unreached(format!(
            "the mail server {} cannot be used: {error}",
            smtp.host
        ))
    };
    let tls = || TlsParameters::new(smtp.host.clone()).map_err(wrong);
    let tls = match smtp.tls {
        SmtpTls::Starttls => Tls::Required(tls()?),
        SmtpTls::Implicit => Tls::Wrapper(tls()?),
        SmtpTls::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
        .port(smtp.port)
        .tls(tls)
        .timeout(Some(limit));
    if let (Some(user), Some(password)) = (&smtp.user, password) {
        builder = builder.credentials(Credentials::new(user.clone(), password));
    }
    let transport: AsyncSmtpTransport<Tokio1Executor> = builder.build();
    // The library bounds the connecting alone: a server that says nothing more would be awaited for ever.
    let Ok(sent) = tokio::time::timeout(limit, transport.send(mail)).await else {
        let message = format!("the mail server {} did not answer in time", smtp.host);
        return Err(NotifyError::Unreached(message));
    };
    match sent {
        Ok(_) => Ok(()),
        // 550 and its like: this mail, from us, to them, never.
        Err(error) if error.is_permanent() && !error.to_string().contains("535") => {
            Err(NotifyError::Refused(error.to_string()))
        }
        Err(error) => Err(NotifyError::Unreached(format!(
            "the mail server {} did not take it: {error}",
            smtp.host
        ))),
    }
}

fn text(letter: &Letter) -> String {
    let mut text = format!("{}\n{}\n\n", letter.subject, letter.outcome);
    for (label, value) in &letter.facts {
        text.push_str(&format!("{label}: {value}\n"));
    }
    let mut part = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            text.push_str(&format!("\n{title}\n"));
            lines
                .iter()
                .for_each(|line| text.push_str(&format!("  {line}\n")));
        }
    };
    part("Different since the last good run:", &letter.changes);
    let mut others = letter.others.clone();
    if letter.unnamed > 0 {
        others.push(format!("and {} more", letter.unnamed));
    }
    part("Of the same cause:", &others);
    part("The last lines of its log:", &letter.log);
    part("No log:", letter.log_absent.as_slice());
    let links = letter.links.iter();
    let links: Vec<String> = links
        .map(|(label, url)| format!("{label}: {url}"))
        .collect();
    part("Look:", &links);
    part("Try it again:", letter.retry.as_slice());
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn a_server_that_says_nothing_more_is_not_awaited_for_ever() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0");
        let listener = listener.await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            stream.write_all(b"220 here\r\n").await.expect("a greeting");
            std::future::pending::<()>().await;
        });
        let smtp = Smtp {
            host: "127.0.0.1".to_owned(),
            port,
            tls: SmtpTls::None,
            user: None,
            password: None,
        };
        let mail = Mail::builder()
            .from("a@example.com".parse().expect("an address"))
            .to("b@example.com".parse().expect("an address"))
            .body(String::new())
            .expect("a mail");
        let sending = send(&smtp, None, mail, Duration::from_millis(300));
        let ended = tokio::time::timeout(Duration::from_secs(30), sending).await;
        assert!(
            matches!(ended, Ok(Err(NotifyError::Unreached(_)))),
            "{ended:?}"
        );
        server.abort();
    }
}
