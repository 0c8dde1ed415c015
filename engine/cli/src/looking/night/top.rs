//! `top`: what runs and what waits, drawn again when something changes and each second, until somebody has seen enough.
//!
//! Guarantees: where nobody looks at a terminal it is printed once; a source that cannot be read for a while is said, and
//! what was seen last stays; a key works while an answer is awaited.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use super::frame::{Size, frame};
use super::screen::Screen;
use super::source::{Moment, Source};
use crate::args::{Format, TopArgs};
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::document;
use crate::surface::Surface;
use crate::times::Zone;

/// How often a frame is drawn without any news.
const EACH: Duration = Duration::from_secs(1);
/// A screen that does not say how large it is.
const USUAL: Size = Size {
    columns: 80,
    rows: 24,
};
/// What stands in the last line.
const FOOT: &str = "q ends";

/// What is known now: the last good moment, and why there is none that is newer.
#[derive(Clone)]
struct News {
    moment: Arc<Moment>,
    trouble: Option<String>,
}

/// Draws, or prints once.
pub(crate) async fn top(args: &TopArgs, surface: &Surface) -> Result<Exit, CliError> {
    let (source, zone) = Source::of(surface).await?;
    // A source that cannot be read at all is told as it is by every other command.
    let moment = source.moment().await?;
    if surface.format() != Format::Table {
        document(surface.format(), &moment)?;
        return Ok(Exit::Success);
    }
    let dumb = surface.env.get("TERM").is_some_and(|term| term == "dumb");
    if args.once || dumb || !surface.stdout_is_terminal {
        return print(&moment, zone, surface);
    }
    watch_it(source, moment, zone, surface).await
}

fn print(moment: &Moment, zone: Zone, surface: &Surface) -> Result<Exit, CliError> {
    let style = surface.data_style();
    let lines = frame(moment, None, Utc::now(), zone, None);
    let text: String = lines
        .iter()
        .map(|line| line.drawn(None, style) + "\n")
        .collect();
    emit(&text)?;
    Ok(Exit::Success)
}

async fn watch_it(
    source: Source,
    moment: Moment,
    zone: Zone,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let (tell, mut news) = watch::channel(News {
        moment: Arc::new(moment),
        trouble: None,
    });
    let reader = tokio::spawn(read(source, tell));
    let mut heard = Signals::new().map_err(CliError::Output)?;
    let mut resized = signal(SignalKind::window_change()).map_err(CliError::Output)?;
    let screen = Screen::take().map_err(CliError::Output)?;
    let mut keys = Some(keys());
    let mut clock = tokio::time::interval(EACH);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let style = surface.data_style();
    let exit = loop {
        let known = news.borrow_and_update().clone();
        let size = Screen::size().unwrap_or(USUAL);
        let lines = frame(
            &known.moment,
            known.trouble.as_deref(),
            Utc::now(),
            zone,
            Some(size),
        );
        if let Err(error) = screen.draw(&lines, FOOT, size, style) {
            break Err(CliError::Output(error));
        }
        tokio::select! {
            () = heard.end() => break Ok(Exit::Interrupted),
            key = key(&mut keys) => if matches!(key, b'q' | b'Q') { break Ok(Exit::Success) },
            _ = resized.recv() => {}
            changed = news.changed() => if changed.is_err() {
                break Err(CliError::unreachable("nothing is read any more"));
            },
            _ = clock.tick() => {}
        }
    };
    drop(screen);
    reader.abort();
    exit
}

/// Reads again and again, and tells what it read.
async fn read(source: Source, tell: watch::Sender<News>) {
    let mut since = None;
    loop {
        source.changed(&mut since).await;
        let news = match source.moment().await {
            Ok(moment) => News {
                moment: Arc::new(moment),
                trouble: None,
            },
            Err(error) => News {
                trouble: Some(error.to_string()),
                ..tell.borrow().clone()
            },
        };
        if tell.send(news).is_err() {
            return;
        }
    }
}

/// The keys that somebody types, from a thread that nobody waits for.
fn keys() -> mpsc::Receiver<u8> {
    let (tell, keys) = mpsc::channel(16);
    std::thread::spawn(move || {
        for key in std::io::stdin().lock().bytes().map_while(Result::ok) {
            if tell.blocking_send(key).is_err() {
                return;
            }
        }
    });
    keys
}

/// The next key; where nobody types there is none, ever.
async fn key(keys: &mut Option<mpsc::Receiver<u8>>) -> u8 {
    if let Some(typed) = keys
        && let Some(key) = typed.recv().await
    {
        return key;
    }
    *keys = None;
    std::future::pending().await
}

/// What ends it.
struct Signals {
    interrupt: Signal,
    end: Signal,
    gone: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            end: signal(SignalKind::terminate())?,
            gone: signal(SignalKind::hangup())?,
        })
    }

    async fn end(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.end.recv() => {}
            _ = self.gone.recv() => {}
        }
    }
}
