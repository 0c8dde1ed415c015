//! Images: the files as the next start finds them, when the power failed at this instant.
//!
//! What was synced is there. Of the rest the disk kept what it liked: nothing, all, the first so many writes with the last
//! one torn, any of the writes, or any of their sectors.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::chance::Chance;
use crate::disk::{Change, Disk, File, What, put};
use crate::error::PowerError;

/// What a disk writes at once.
const SECTOR: usize = 512;

/// What a disk kept of the changes that no sync had covered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Nothing,
    All,
    Prefix,
    Writes,
    Sectors,
}

impl Shape {
    /// The first ones are the two ends; the rest is chance.
    pub(crate) fn of(image: usize) -> Self {
        match image {
            0 => Self::Nothing,
            1 => Self::All,
            other => [Self::Sectors, Self::Prefix, Self::Writes][other % 3],
        }
    }
}

/// The files of one image.
pub(crate) struct Image(BTreeMap<String, Vec<u8>>);

impl Image {
    pub(crate) fn of(disk: &Disk, shape: Shape, chance: &mut Chance) -> Self {
        let names = match shape {
            Shape::Nothing => 0,
            Shape::All => disk.open_names(),
            _ => chance.below(disk.open_names() + 1),
        };
        let cut = last_kept(disk, chance);
        let kept = |file: &File, chance: &mut Chance| {
            let mut bytes = file.safe.clone();
            for change in &file.open {
                keep(change, shape, cut, &mut bytes, chance);
            }
            bytes
        };
        let files = disk.names(names);
        let files = files.into_iter().filter_map(|(name, ix)| {
            let file = disk.files.get(ix)?;
            Some((name, kept(file, chance)))
        });
        Self(files.collect())
    }

    /// Lays the files down in a folder, with the rights that the store gives them.
    pub(crate) fn lay(&self, folder: &Path) -> Result<(), PowerError> {
        for (name, bytes) in &self.0 {
            let path = folder.join(name);
            let mut options = fs::OpenOptions::new();
            let made = options.write(true).create_new(true).mode(0o600).open(&path);
            let written = made.and_then(|mut file| file.write_all(bytes));
            written.map_err(PowerError::file("lay down", path))?;
        }
        Ok(())
    }
}

/// For a prefix: one of the changes, over all files.
fn last_kept(disk: &Disk, chance: &mut Chance) -> usize {
    let mut order: Vec<usize> = disk
        .files
        .iter()
        .flat_map(|file| file.open.iter().map(|change| change.at))
        .collect();
    order.sort_unstable();
    order.get(chance.below(order.len())).copied().unwrap_or(0)
}

fn keep(change: &Change, shape: Shape, cut: usize, file: &mut Vec<u8>, chance: &mut Chance) {
    match shape {
        Shape::Nothing => {}
        Shape::All => change.what.apply(file),
        Shape::Prefix if change.at < cut => change.what.apply(file),
        Shape::Prefix if change.at == cut => tear(&change.what, file, chance, true),
        Shape::Prefix => {}
        Shape::Writes => {
            if chance.coin() {
                change.what.apply(file);
            }
        }
        Shape::Sectors => tear(&change.what, file, chance, false),
    }
}

/// Keeps some sectors of a write: the first so many, or any.
fn tear(what: &What, file: &mut Vec<u8>, chance: &mut Chance, first: bool) {
    let What::Bytes { at, bytes } = what else {
        if chance.coin() {
            what.apply(file);
        }
        return;
    };
    let sectors = sectors(*at, bytes);
    let end = chance.below(sectors.len() + 1);
    for (ix, (at, bytes)) in sectors.into_iter().enumerate() {
        let kept = if first { ix < end } else { chance.coin() };
        if kept {
            put(file, at, bytes);
        }
    }
}

/// The parts of a write, cut where sectors of the file begin.
fn sectors(at: usize, bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let (mut at, mut rest, mut sectors) = (at, bytes, Vec::new());
    while !rest.is_empty() {
        let (part, more) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
        sectors.push((at, part));
        at += part.len();
        rest = more;
    }
    sectors
}
