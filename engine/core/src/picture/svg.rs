//! A picture as SVG. Everything that is a text is escaped; a state is told by an icon, a word and a colour.

use std::fmt::Write as _;

use super::sketch::{Place, Track};
use super::standing::Standing;
use super::view::{Cell, Kind, Picture};
use crate::dag::{Dag, TaskIx};

/// Characters of a name that fit into a box.
const FITS: usize = 25;
/// Characters of a line below it.
const LINE: usize = 29;
/// The corners of boxes.
const ROUND: i32 = 6;

/// Whose style the picture wears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sheet {
    /// Its own, in light and dark: it stands alone in a file.
    Own,
    /// That of the page it stands in.
    Page,
}

/// What a picture tells besides the graph.
pub struct Look<'a> {
    /// How each task stands; none: it is the picture of a DAG.
    pub standing: &'a dyn Fn(TaskIx) -> Option<Standing>,
    /// Where a click on a task leads.
    pub link: &'a dyn Fn(TaskIx) -> Option<String>,
    /// The task that is looked at.
    pub marked: Option<TaskIx>,
    /// Whose style it wears.
    pub sheet: Sheet,
    /// What the whole is, for those who hear it.
    pub title: &'a str,
}

impl std::fmt::Debug for Look<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Look")
            .field("title", &self.title)
            .finish_non_exhaustive()
    }
}

/// Draws a picture.
#[must_use]
pub fn svg(dag: &Dag, picture: &Picture, look: &Look<'_>) -> String {
    let mut out = Drawn(String::with_capacity(400 * picture.cells.len() + 2_000));
    let (width, height) = (picture.width, picture.height);
    out.add(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"group\" aria-label=\"{}\">\n",
        escaped(look.title)
    ));
    if look.sheet == Sheet::Own {
        out.add(format_args!(
            "<title>{}</title>\n<style>{STYLE}</style>\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n",
            escaped(look.title)
        ));
    }
    let open = |cell: &&Cell| cell.kind == Kind::Open;
    for cell in picture.cells.iter().filter(open) {
        out.group(dag, cell, look);
    }
    for track in &picture.tracks {
        out.track(dag, picture, track);
    }
    for cell in picture.cells.iter().filter(|cell| !open(cell)) {
        out.task(dag, cell, look);
    }
    out.0.push_str("</svg>\n");
    out.0
}

struct Drawn(String);

impl Drawn {
    fn add(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let written = self.0.write_fmt(text);
        debug_assert!(written.is_ok());
    }

    /// The frame of an open group; the line of its name is what can be clicked.
    fn group(&mut self, dag: &Dag, cell: &Cell, look: &Look<'_>) {
        let Place { x, y, size } = cell.place;
        let (name, standing) = (
            dag.task(cell.task).name.as_str(),
            (look.standing)(cell.task),
        );
        self.begin("group", cell, name, standing.as_ref(), look);
        self.add(format_args!(
            "<title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"{ROUND}\"/>\
             <text class=\"name\" x=\"{}\" y=\"{}\">{}",
            escaped(&told(dag, cell, standing.as_ref())),
            size.width,
            size.height,
            x + 14,
            y + 20,
            escaped(&short(name, FITS)),
        ));
        let line = standing.as_ref().map(line).unwrap_or_default();
        self.add(format_args!(
            "<tspan class=\"state\" dx=\"10\">{}</tspan></text>",
            escaped(&line)
        ));
        self.end(cell, look);
    }

    fn task(&mut self, dag: &Dag, cell: &Cell, look: &Look<'_>) {
        let Place { x, y, size } = cell.place;
        let (name, standing) = (
            dag.task(cell.task).name.as_str(),
            (look.standing)(cell.task),
        );
        let class = match cell.kind {
            Kind::Task => "task",
            Kind::Mapped => "task many",
            Kind::Shut(_) | Kind::Open => "task shut",
        };
        self.begin(class, cell, name, standing.as_ref(), look);
        self.add(format_args!(
            "<title>{}</title>",
            escaped(&told(dag, cell, standing.as_ref()))
        ));
        if cell.kind != Kind::Task {
            // Several lie under the first.
            self.add(format_args!(
                "<rect class=\"under\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{ROUND}\"/>",
                x + 4,
                y + 4,
                size.width,
                size.height
            ));
        }
        let line = match &standing {
            Some(standing) => line(standing),
            None => made_of(dag, cell),
        };
        self.add(format_args!(
            "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"{ROUND}\"/>\
             <rect class=\"edge\" x=\"{x}\" y=\"{y}\" width=\"5\" height=\"{}\" rx=\"2\"/>\
             <text class=\"name\" x=\"{}\" y=\"{}\">{}</text><text class=\"state\" x=\"{}\" y=\"{}\">{}</text>",
            size.width,
            size.height,
            size.height,
            x + 14,
            y + 20,
            escaped(&short(name, FITS)),
            x + 14,
            y + 38,
            escaped(&short(&line, LINE)),
        ));
        self.end(cell, look);
    }

    fn begin(
        &mut self,
        class: &str,
        cell: &Cell,
        name: &str,
        standing: Option<&Standing>,
        look: &Look<'_>,
    ) {
        let word = standing.map_or("plain", |standing| standing.word);
        let marked = if look.marked == Some(cell.task) {
            " marked"
        } else {
            ""
        };
        self.add(format_args!(
            "<g id=\"n-{}\" class=\"{class} s-{}{marked}\" data-task=\"{}\">",
            cell.task,
            escaped(word),
            escaped(name)
        ));
        if let Some(link) = (look.link)(cell.task) {
            self.add(format_args!("<a href=\"{}\">", escaped(&link)));
        }
    }

    fn end(&mut self, cell: &Cell, look: &Look<'_>) {
        let linked = (look.link)(cell.task).is_some();
        self.0
            .push_str(if linked { "</a></g>\n" } else { "</g>\n" });
    }

    /// The lines from one task, and the tips where they arrive.
    fn track(&mut self, dag: &Dag, picture: &Picture, track: &Track) {
        let from = &picture.cells[track.from];
        let name = dag.task(from.task).name.as_str();
        self.add(format_args!(
            "<path class=\"line\" data-from=\"{}\" d=\"",
            escaped(name)
        ));
        for piece in &track.pieces {
            let ((x, y), (to_x, to_y), level) = (piece.from, piece.to, piece.level);
            let bend = (to_x - level) / 2;
            self.add(format_args!("M{x},{y}H{level}"));
            if y == to_y {
                self.add(format_args!("H{to_x}"));
            } else {
                self.add(format_args!(
                    "C{},{y} {},{to_y} {to_x},{to_y}",
                    level + bend,
                    to_x - bend
                ));
            }
        }
        self.0.push_str("\"/>");
        for to in &track.to {
            let place = picture.cells[*to].place;
            let (x, y) = (place.x, place.middle());
            self.add(format_args!(
                "<path class=\"tip\" d=\"M{},{}L{x},{y}L{},{}z\"/>",
                x - 7,
                y - 4,
                x - 7,
                y + 4
            ));
        }
        self.0.push('\n');
    }
}

/// The whole of what a box says, for those who point at it or hear it.
fn told(dag: &Dag, cell: &Cell, standing: Option<&Standing>) -> String {
    let name = &dag.task(cell.task).name;
    let stands = standing.map(|standing| match standing.more.as_str() {
        "" => standing.word.replace('_', " "),
        more => format!("{}, {more}", standing.word.replace('_', " ")),
    });
    let made_of = made_of(dag, cell);
    match stands {
        Some(stands) => format!("{name}: {stands} ({made_of})"),
        None => format!("{name} ({made_of})"),
    }
}

fn made_of(dag: &Dag, cell: &Cell) -> String {
    let definition = dag.task(cell.task);
    match cell.kind {
        Kind::Task => definition.executor.clone(),
        Kind::Mapped => format!("{}, mapped", definition.executor),
        Kind::Shut(1) => "group of 1 task".to_owned(),
        Kind::Shut(tasks) => format!("group of {tasks} tasks"),
        Kind::Open => "group".to_owned(),
    }
}

fn line(standing: &Standing) -> String {
    let said = standing.word.replace('_', " ");
    match standing.more.as_str() {
        "" => format!("{} {said}", icon(standing.word)),
        more => format!("{} {said}, {more}", icon(standing.word)),
    }
}

/// The icon of a state: each word has a shape of its own, so that none needs its colour.
pub(crate) fn icon(word: &str) -> char {
    match word {
        "succeeded" => '✓',
        "failed" => '✕',
        "running" => '▶',
        "launching" => '↑',
        "ready" => '◎',
        "queued" | "waiting" => '○',
        "skipped" => '»',
        "upstream_failed" => '⊝',
        "cancelled" | "cancelling" => '⊘',
        "timed_out" => '◷',
        _ => '·',
    }
}

fn short(text: &str, fits: usize) -> String {
    if text.chars().count() <= fits {
        return text.to_owned();
    }
    let kept: String = text.chars().take(fits - 1).collect();
    format!("{kept}…")
}

/// A text as it may stand in XML and HTML, between tags and in quotes. What XML cannot hold becomes a mark.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            // What turns the reading direction round could make a name look like another.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}

/// The style of a picture that stands alone.
const STYLE: &str = "\
:root{--paper:#fff;--ink:#1c2330;--dim:#596273;--line:#8b94a5;--box:#fff;--rim:#b9c0cc;--good:#1f7a3d;--bad:#b3261e;\
--odd:#8a5a00;--live:#1a5fb4;--off:#7b8494}\
@media(prefers-color-scheme:dark){:root{--paper:#14181f;--ink:#e6e9ef;--dim:#a4adbd;--line:#6b7485;--box:#1c222c;\
--rim:#414a5a;--good:#5fc27e;--bad:#ff8a80;--odd:#e0b050;--live:#7ab7ff;--off:#8f99aa}}\
.paper{fill:var(--paper)}text{font:13px system-ui,sans-serif;fill:var(--ink)}.name{font-weight:600}\
.state{font-size:12px;font-weight:400;fill:var(--dim)}.box,.under{fill:var(--box);stroke:var(--rim)}\
.group>rect,.group>a>rect{fill:none;stroke:var(--rim);stroke-dasharray:5 4}.edge{fill:var(--off)}\
.line{fill:none;stroke:var(--line);stroke-width:1.3}.tip{fill:var(--line)}.marked .box{stroke:var(--live);stroke-width:2.5}\
.s-succeeded .edge{fill:var(--good)}.s-succeeded .state{fill:var(--good)}\
.s-failed .edge,.s-timed_out .edge,.s-upstream_failed .edge{fill:var(--bad)}\
.s-failed .state,.s-timed_out .state,.s-upstream_failed .state{fill:var(--bad)}\
.s-cancelled .edge{fill:var(--odd)}.s-cancelled .state{fill:var(--odd)}\
.s-running .edge,.s-launching .edge{fill:var(--live)}.s-running .state,.s-launching .state{fill:var(--live)}";
