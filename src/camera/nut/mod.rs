//! NUT (FFmpeg's own container, version 3: nut.txt of the MPlayer project, 2008) -> time stamps and raw pictures. Pure but for
//! the reader that it is given.
//!
//! ffmpeg can write raw pictures to a pipe without a container too, but then their time stamps are lost.
//!
//! Promises: one video stream, nothing seeks; whatever the bytes are, the end is a picture or an error, and no more memory is
//! taken than a header of 64 KiB and one picture of the size that the caller allows.

mod bytes;
mod header;

#[cfg(test)]
mod tests;

use std::io::{self, Read};

use self::{
    bytes::{Packet, Source},
    header::{FrameCode, Main, Stream, flag},
};

/// What a file begins with.
const FILE_ID: &[u8; 25] = b"nut/multimedia container\0";
/// What the packets begin with that are no frame: "N", then their kind.
const MAIN: u64 = 0x4E4D_7A56_1F5F_04AD;
const STREAM: u64 = 0x4E53_1140_5BF2_F9DB;
const SYNCPOINT: u64 = 0x4E4B_E4AD_EECA_4569;
/// Where each picture is, at the end of a file. It grows with the file, and nothing here seeks.
const INDEX: u64 = 0x4E58_DD67_2F23_E64E;

/// A picture has room for so many bytes more: a frame of it has some behind its samples, and need not be copied for them.
const SPARE: usize = 64;

/// Why no picture comes any more.
#[derive(Debug, thiserror::Error)]
pub enum NutError {
    /// The writer ended, between two pictures or within one.
    #[error("the stream ended")]
    Ended,
    /// The pipe failed.
    #[error("the pipe failed: {0}")]
    Io(io::Error),
    /// The bytes are no NUT, or one with other contents.
    #[error("not a stream that ffmpeg was asked for: {0}")]
    Malformed(&'static str),
}

impl From<io::Error> for NutError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Ended,
            _ => Self::Io(error),
        }
    }
}

/// One frame as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// In microseconds, from the stream's own start.
    pub pts: i64,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// Reads the frames of one stream.
pub struct Nut<R> {
    source: Source<R>,
    main: Main,
    stream: Stream,
    /// In units of the stream's time base.
    last_pts: i64,
    bytes_max: usize,
}

impl<R: Read> Nut<R> {
    /// Reads the headers. A frame may have so many bytes.
    pub fn open(reader: R, bytes_max: usize) -> Result<Self, NutError> {
        let mut source = Source::new(reader);
        if source.array::<25>()? != *FILE_ID {
            return Err(NutError::Malformed("it does not begin as NUT"));
        }
        let (mut main, mut stream) = (None, None);
        while main.is_none() || stream.is_none() {
            let code = source.u64()?;
            let packet = source.packet()?;
            match (code, &main) {
                (MAIN, _) => main = Some(Main::read(packet)?),
                (STREAM, Some(main)) => stream = Some(Stream::read(packet, main)?),
                _ => {}
            }
        }
        let missing = NutError::Malformed("a header is missing");
        let (Some(main), Some(stream)) = (main, stream) else {
            return Err(missing);
        };
        Ok(Self {
            source,
            main,
            stream,
            last_pts: 0,
            bytes_max,
        })
    }

    /// Width and height of the pictures.
    pub fn size(&self) -> (u32, u32) {
        self.stream.size
    }

    /// How the pictures' bytes are to be read, in four letters: `I420` for planes of luma and halved colours.
    pub fn fourcc(&self) -> [u8; 4] {
        self.stream.fourcc
    }

    /// The next picture.
    pub fn next_picture(&mut self) -> Result<Picture, NutError> {
        loop {
            let code = self.source.array::<1>()?[0];
            if code != b'N' {
                let code = self.main.codes[usize::from(code)];
                return self.frame(code);
            }
            let rest = self.source.array::<7>()?;
            let kind = rest
                .iter()
                .fold(u64::from(b'N'), |kind, &byte| (kind << 8) | u64::from(byte));
            if kind == INDEX {
                self.source.skip_packet()?;
                continue;
            }
            let packet = self.source.packet()?;
            if kind == SYNCPOINT {
                self.last_pts = self.synchronise(packet)?;
            }
        }
    }

    /// A syncpoint says anew how far the stream is, in any of the time bases.
    fn synchronise(&self, mut packet: Packet) -> Result<i64, NutError> {
        let key = packet.number()?;
        let count = self.main.time_bases.len() as u64;
        let base = self.main.time_bases[(key % count) as usize];
        let ours = self.stream.time_base;
        let pts = i128::from(key / count) * i128::from(base.0) * i128::from(ours.1);
        let per = i128::from(base.1) * i128::from(ours.0);
        i64::try_from(pts / per).map_err(|_| NutError::Malformed("a time is out of range"))
    }

    fn frame(&mut self, code: FrameCode) -> Result<Picture, NutError> {
        let mut flags = code.flags;
        if flags & flag::INVALID != 0 {
            return Err(NutError::Malformed("a frame has an invalid code"));
        }
        let source = &mut self.source;
        if flags & flag::CODED != 0 {
            flags ^= source.number()?;
        }
        let mut stream = code.stream;
        if flags & flag::STREAM_ID != 0 {
            stream = source.number()?;
        }
        if stream != 0 {
            return Err(NutError::Malformed("there is more than one stream"));
        }
        let pts = match flags & flag::CODED_PTS != 0 {
            true => self.stream.full_pts(source.number()?, self.last_pts),
            false => self.last_pts.checked_add(code.pts_delta),
        };
        let pts = pts.ok_or(NutError::Malformed("a time is out of range"))?;
        let mut size = code.size_low;
        if flags & flag::SIZE_HIGH != 0 {
            let high = source.number()?.checked_mul(code.size_unit);
            size = high
                .and_then(|high| high.checked_add(size))
                .unwrap_or(u64::MAX);
        }
        if flags & flag::MATCH_TIME != 0 {
            source.number()?;
        }
        let mut elided = code.elided;
        if flags & flag::HEADER != 0 {
            elided = source.number()?;
        }
        let mut reserved = code.reserved;
        if flags & flag::RESERVED != 0 {
            reserved = source.number()?;
        }
        for _ in 0..reserved {
            source.number()?;
        }
        if flags & flag::CHECKSUM != 0 {
            source.array::<4>()?;
        }
        let elided = usize::try_from(elided)
            .ok()
            .and_then(|number| self.main.elided.get(number));
        let elided = elided.ok_or(NutError::Malformed("a frame's header is missing"))?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size > self.bytes_max || size < elided.len() {
            return Err(NutError::Malformed("a frame has too many bytes"));
        }
        let mut data = Vec::with_capacity(size + SPARE);
        data.resize(size, 0);
        data[..elided.len()].copy_from_slice(elided);
        self.source.fill(&mut data[elided.len()..])?;
        self.last_pts = pts;
        Ok(Picture {
            pts: self
                .stream
                .micros(pts)
                .ok_or(NutError::Malformed("a time is out of range"))?,
            data,
        })
    }
}
