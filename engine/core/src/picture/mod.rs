//! Pictures of graphs: where each task stands, and the picture as SVG.
//!
//! Guarantees: pure, and the same for the same graph; every task that is shown stands in it once and on nothing else; the
//! work is bounded by the size of the graph, whatever its shape. Knows nothing of HTTP, of files and of pages.

mod crossings;
mod heights;
mod layered;
mod sketch;
mod standing;
mod svg;
mod view;

pub use self::sketch::{Layout, Piece, Place, Size, Sketch, Track, lay_out};
pub use self::standing::{Standing, standings};
pub use self::svg::{Look, Sheet, escaped, svg};
pub use self::view::{Cell, Cut, Kind, Picture};

#[cfg(test)]
mod tests;
