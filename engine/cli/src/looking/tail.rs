//! The last lines of a log that comes in parts.

use std::collections::VecDeque;

/// The last lines of what was read so far.
pub(super) struct Tail {
    most: usize,
    lines: VecDeque<Vec<u8>>,
    open: Vec<u8>,
}

impl Tail {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            lines: VecDeque::new(),
            open: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.lines.push_back(std::mem::take(&mut self.open));
                while self.lines.len() > self.most {
                    self.lines.pop_front();
                }
            }
        }
    }

    pub(super) fn bytes(mut self) -> Vec<u8> {
        if !self.open.is_empty() {
            self.lines.push_back(self.open);
            while self.lines.len() > self.most {
                self.lines.pop_front();
            }
        }
        self.lines.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;

    #[test]
    fn a_tail_is_the_last_lines_whatever_the_pages() {
        for (pages, most, left) in [
            (vec!["a\nb\n", "c\n"], 2, "b\nc\n"),
            (vec!["a\nb", "c\nd"], 2, "bc\nd"),
            (vec!["a\n"], 0, ""),
            (vec![], 3, ""),
        ] {
            let mut tail = Tail::new(most);
            pages.iter().for_each(|page| tail.push(page.as_bytes()));
            assert_eq!(String::from_utf8(tail.bytes()).unwrap(), left);
        }
    }
}
