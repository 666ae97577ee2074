//! The main header, with what each frame code stands for, and the stream's.

use super::{NutError, bytes::Packet};

/// What a frame's head holds, as bits of its flags.
pub(super) mod flag {
    pub const CODED_PTS: u64 = 1 << 3;
    pub const STREAM_ID: u64 = 1 << 4;
    pub const SIZE_HIGH: u64 = 1 << 5;
    pub const CHECKSUM: u64 = 1 << 6;
    pub const RESERVED: u64 = 1 << 7;
    pub const HEADER: u64 = 1 << 10;
    pub const MATCH_TIME: u64 = 1 << 11;
    pub const CODED: u64 = 1 << 12;
    pub const INVALID: u64 = 1 << 13;
}

/// What a frame's first byte stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameCode {
    pub flags: u64,
    pub stream: u64,
    pub size_unit: u64,
    pub size_low: u64,
    pub pts_delta: i64,
    pub reserved: u64,
    /// The bytes that are left out at the frame's start.
    pub elided: u64,
}

/// A fraction of a second: numerator and denominator, neither 0.
type TimeBase = (u64, u64);

pub(super) struct Main {
    pub time_bases: Vec<TimeBase>,
    pub codes: [FrameCode; 256],
    pub elided: Vec<Vec<u8>>,
}

const VERSION: u64 = 3;
/// ffmpeg writes one for each stream.
const TIME_BASES_MAX: u64 = 16;
/// The specification's.
const ELIDED_MAX: u64 = 128;

impl Main {
    pub fn read(mut packet: Packet) -> Result<Self, NutError> {
        if packet.number()? != VERSION {
            return Err(NutError::Malformed("another version of NUT"));
        }
        if packet.number()? != 1 {
            return Err(NutError::Malformed("there is more than one stream"));
        }
        // The distance of syncpoints.
        packet.number()?;
        let count = packet.number()?;
        if !(1..=TIME_BASES_MAX).contains(&count) {
            return Err(NutError::Malformed("time bases are missing"));
        }
        let time_bases = (0..count).map(|_| {
            let base = (packet.number()?, packet.number()?);
            let is_valid = base.0 > 0 && base.1 > 0 && base.0 < 1 << 31 && base.1 < 1 << 31;
            if is_valid {
                Ok(base)
            } else {
                Err(NutError::Malformed("a time base is no fraction"))
            }
        });
        let time_bases = time_bases.collect::<Result<_, _>>()?;
        let codes = codes(&mut packet)?;
        let count = packet.number()?;
        if count >= ELIDED_MAX {
            return Err(NutError::Malformed("too many headers of frames"));
        }
        let mut elided = vec![Vec::new()];
        for _ in 0..count {
            elided.push(packet.bytes()?.to_vec());
        }
        Ok(Self {
            time_bases,
            codes,
            elided,
        })
    }
}

/// The table is written as runs of codes that differ in the low part of the size only.
fn codes(packet: &mut Packet) -> Result<[FrameCode; 256], NutError> {
    let invalid = FrameCode {
        flags: flag::INVALID,
        stream: 0,
        size_unit: 1,
        size_low: 0,
        pts_delta: 0,
        reserved: 0,
        elided: 0,
    };
    let mut codes = [invalid; 256];
    let mut run = FrameCode {
        flags: 0,
        ..invalid
    };
    let mut code = 0;
    while code < codes.len() {
        run.flags = packet.number()?;
        let fields = packet.number()?;
        if fields > 0 {
            run.pts_delta = packet.signed()?;
        }
        if fields > 1 {
            run.size_unit = packet.number()?;
        }
        if fields > 2 {
            run.stream = packet.number()?;
        }
        run.size_low = if fields > 3 { packet.number()? } else { 0 };
        run.reserved = if fields > 4 { packet.number()? } else { 0 };
        let count = match fields > 5 {
            true => packet.number()?,
            false => run.size_unit.saturating_sub(run.size_low),
        };
        if fields > 6 {
            packet.signed()?;
        }
        if fields > 7 {
            run.elided = packet.number()?;
        }
        for _ in 8..fields.max(8) {
            packet.number()?;
        }
        let mut low = run.size_low;
        let mut left = count;
        while left > 0 && code < codes.len() {
            // This byte begins the packets that are no frame.
            if code == usize::from(b'N') {
                code += 1;
                continue;
            }
            codes[code] = FrameCode {
                size_low: low,
                ..run
            };
            low = low.saturating_add(1);
            left -= 1;
            code += 1;
        }
    }
    Ok(codes)
}

pub(super) struct Stream {
    pub time_base: TimeBase,
    pub size: (u32, u32),
    pub fourcc: [u8; 4],
    /// So many low bits of PTS are written.
    low_bits: u32,
}

impl Stream {
    pub fn read(mut packet: Packet, main: &Main) -> Result<Self, NutError> {
        let (number, class) = (packet.number()?, packet.number()?);
        if (number, class) != (0, 0) {
            return Err(NutError::Malformed("its only stream is no video"));
        }
        let fourcc = packet.bytes()?.try_into();
        let fourcc = fourcc.map_err(|_| NutError::Malformed("another kind of video"))?;
        let base = usize::try_from(packet.number()?).unwrap_or(usize::MAX);
        let time_base = main.time_bases.get(base);
        let time_base = *time_base.ok_or(NutError::Malformed("time bases are missing"))?;
        let low_bits = u32::try_from(packet.number()?)
            .ok()
            .filter(|&bits| bits < 63);
        let low_bits = low_bits.ok_or(NutError::Malformed("a number is out of range"))?;
        // The largest step of PTS, the decoder's delay, flags, what the codec needs.
        for _ in 0..3 {
            packet.number()?;
        }
        packet.bytes()?;
        let mut side = || -> Result<u32, NutError> {
            u32::try_from(packet.number()?).map_err(|_| NutError::Malformed("too large a picture"))
        };
        let size = (side()?, side()?);
        Ok(Self {
            time_base,
            size,
            fourcc,
            low_bits,
        })
    }

    /// The PTS near the last one that ends in the low bits, or the one that is written in full.
    pub fn full_pts(&self, coded: u64, last: i64) -> Option<i64> {
        let coded = i64::try_from(coded).ok()?;
        let unit = 1i64 << self.low_bits;
        if coded >= unit {
            return Some(coded - unit);
        }
        let mask = unit - 1;
        let from = last.checked_sub(mask / 2)?;
        (coded.wrapping_sub(from) & mask).checked_add(from)
    }

    pub fn micros(&self, pts: i64) -> Option<i64> {
        let (numerator, denominator) = self.time_base;
        let micros = i128::from(pts) * i128::from(numerator) * 1_000_000 / i128::from(denominator);
        i64::try_from(micros).ok()
    }
}
