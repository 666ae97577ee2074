//! A JPEG that breaks the standard, though every viewer shows it -> the same JPEG without the fault.
//!
//! What is mended, and nothing else: stray bytes before a marker (each frame of some webcams), the parameters of a
//! scan that mean nothing in a sequential JPEG (some phones), an unknown JFIF version. No pixel changes: the data of pixels are
//! read to learn where each stretch of them ends, and are copied as they are.
//!
//! Promises: nothing is accepted here; the decoder must find nothing wrong with what comes out. Work and memory are
//! bounded by the bytes that came in.

use super::huffman::{Bits, Table, standard};

/// The most stray bytes before one marker. A stretch that lost its way in damaged codes often leaves far more.
const STRAY_MAX: usize = 16;

/// The JPEG without these faults; `None` where it has others.
pub(super) fn mended(jpeg: &[u8]) -> Option<Vec<u8>> {
    let mut mender = Mender {
        rest: jpeg.strip_prefix(&[0xFF, 0xD8])?,
        out: vec![0xFF, 0xD8],
        tables: standard(),
        restart_interval: 0,
        frame: None,
    };
    while mender.segment()? != 0xD9 {}
    Some(mender.out)
}

/// A component of a frame or of a scan.
#[derive(Clone, Copy)]
struct Component {
    id: u8,
    /// Samples across and down, in parts of the most that a component has.
    sampling: [usize; 2],
}

/// A sequential frame with Huffman codes: the only kind whose data are read here.
struct Frame {
    size: [usize; 2],
    components: Vec<Component>,
}

struct Mender<'a> {
    rest: &'a [u8],
    out: Vec<u8>,
    /// For the first and the other coefficients, by their number.
    tables: [[Option<Table>; 4]; 2],
    restart_interval: usize,
    frame: Option<Frame>,
}

impl Mender<'_> {
    /// One segment, with the data of pixels that follow it; its marker.
    fn segment(&mut self) -> Option<u8> {
        let marker = marker(&mut self.rest)?;
        self.out.extend([0xFF, marker]);
        if marker == 0xD9 {
            return Some(marker);
        }
        let length = usize::from(u16::from_be_bytes(*self.rest.first_chunk()?));
        let (segment, rest) = self.rest.split_at_checked(length)?;
        let content = segment.get(2..)?;
        self.rest = rest;
        let begins = self.out.len();
        self.out.extend(segment);
        match marker {
            0xC0 | 0xC1 => self.frame = Some(frame(content)?),
            0xC4 => self.read_tables(content)?,
            0xDD => {
                self.restart_interval = usize::from(u16::from_be_bytes(*content.first_chunk()?));
            }
            0xE0 if content.starts_with(b"JFIF\0") => {
                // The version is behind the length and the name.
                *self.out.get_mut(begins + 7)? = 1;
            }
            0xDA => self.scan(content)?,
            0x00 | 0x01 | 0xD0..=0xD8 => return None,
            _ => {}
        }
        Some(marker)
    }

    fn read_tables(&mut self, mut content: &[u8]) -> Option<()> {
        while let Some((&place, rest)) = content.split_first() {
            let (table, rest) = Table::read(rest)?;
            let tables = self.tables.get_mut(usize::from(place >> 4))?;
            *tables.get_mut(usize::from(place & 15))? = Some(table);
            content = rest;
        }
        Some(())
    }

    fn scan(&mut self, head: &[u8]) -> Option<()> {
        let frame = self.frame.as_ref()?;
        let (&count, rest) = head.split_first()?;
        let chosen = rest.as_chunks::<2>().0.get(..usize::from(count))?;
        let mut blocks = Vec::new();
        let mut only = None;
        for &[id, numbers] in chosen {
            let component = *frame.components.iter().find(|one| one.id == id)?;
            only = Some(component);
            let [first, others] = [numbers >> 4, numbers & 15].map(usize::from);
            let first = self.tables[0].get(first)?.as_ref()?;
            let others = self.tables[1].get(others)?.as_ref()?;
            let of_component = match count {
                1 => 1,
                _ => component.sampling[0] * component.sampling[1],
            };
            blocks.extend(std::iter::repeat_n((first, others), of_component));
        }
        let units = frame.units(only.filter(|_| count == 1))?;

        // What a sequential scan must say: all coefficients, all their bits.
        let parameters = self.out.len().checked_sub(3)?;
        self.out[parameters..].copy_from_slice(&[0, 63, 0]);
        let mut bits = Bits::new(self.rest);
        for unit in 0..units {
            if self.restart_interval > 0 && unit > 0 && unit % self.restart_interval == 0 {
                let stretch = bits.whole_bytes();
                self.out.extend(stretch);
                self.rest = &self.rest[stretch.len()..];
                let restart = marker(&mut self.rest)?;
                let expected = (unit / self.restart_interval - 1) % 8;
                if restart != 0xD0 + expected as u8 {
                    return None;
                }
                self.out.extend([0xFF, restart]);
                bits = Bits::new(self.rest);
            }
            for (first, others) in &blocks {
                bits.skip_block(first, others)?;
            }
        }
        let stretch = bits.whole_bytes();
        self.out.extend(stretch);
        self.rest = &self.rest[stretch.len()..];
        Some(())
    }
}

/// The next marker; stray bytes before it are left out.
fn marker(rest: &mut &[u8]) -> Option<u8> {
    let mut stray = 0;
    while stray <= STRAY_MAX {
        let (found, after) = match *rest {
            [0xFF, 0x00, after @ ..] => {
                stray += 2;
                (None, after)
            }
            [0xFF, 0xFF, ..] => (None, &rest[1..]),
            [0xFF, marker, after @ ..] => (Some(*marker), after),
            [_, after @ ..] => {
                stray += 1;
                (None, after)
            }
            [] => return None,
        };
        *rest = after;
        if found.is_some() && stray <= STRAY_MAX {
            return found;
        }
    }
    None
}

fn frame(content: &[u8]) -> Option<Frame> {
    let &[_, h1, h0, w1, w0, count, ref rest @ ..] = content else {
        return None;
    };
    let side = |bytes| usize::from(u16::from_be_bytes(bytes));
    let components = rest.as_chunks::<3>().0.get(..usize::from(count))?;
    let components: Vec<Component> = components
        .iter()
        .map(|&[id, sampling, _]| Component {
            id,
            sampling: [sampling >> 4, sampling & 15].map(usize::from),
        })
        .collect();
    let usual = |component: &Component| component.sampling.iter().all(|s| (1..=4).contains(s));
    (!components.is_empty() && components.iter().all(usual)).then_some(Frame {
        size: [side([w1, w0]), side([h1, h0])],
        components,
    })
}

impl Frame {
    /// How many units of blocks a scan holds: of all its components together, or blocks of the only one.
    fn units(&self, only: Option<Component>) -> Option<usize> {
        let along = |axis: usize| {
            let most = self.components.iter().map(|c| c.sampling[axis]).max()?;
            Some(match only {
                Some(one) => (self.size[axis] * one.sampling[axis])
                    .div_ceil(most)
                    .div_ceil(8),
                None => self.size[axis].div_ceil(8 * most),
            })
        };
        Some(along(0)? * along(1)?)
    }
}
