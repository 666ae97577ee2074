//! NUT's numbers and packets.

use std::io::{self, Read};

use super::NutError;

/// No header that ffmpeg writes is near this.
const PACKET_MAX: u64 = 64 * 1024;
/// A packet with more bytes has a checksum of its head.
const HEAD_CHECKED: u64 = 4096;

/// Bytes as they come.
pub(super) struct Source<R> {
    reader: R,
}

impl<R: Read> Source<R> {
    pub fn new(reader: R) -> Self {
        Self { reader }
    }

    pub fn fill(&mut self, place: &mut [u8]) -> Result<(), NutError> {
        Ok(self.reader.read_exact(place)?)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], NutError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub fn u64(&mut self) -> Result<u64, NutError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub fn number(&mut self) -> Result<u64, NutError> {
        number(|| Ok(self.array::<1>()?[0]))
    }

    /// Passes over what follows a start code, however long it is.
    pub fn skip_packet(&mut self) -> Result<(), NutError> {
        let size = self.number()?;
        let head = if size > HEAD_CHECKED { 4 } else { 0 };
        let all = size.saturating_add(head);
        let passed = io::copy(&mut self.reader.by_ref().take(all), &mut io::sink())?;
        match passed == all {
            true => Ok(()),
            false => Err(NutError::Ended),
        }
    }

    /// What follows a start code.
    pub fn packet(&mut self) -> Result<Packet, NutError> {
        let size = self.number()?;
        if size > PACKET_MAX {
            return Err(NutError::Malformed("a header has too many bytes"));
        }
        if size > HEAD_CHECKED {
            self.array::<4>()?;
        }
        let mut bytes = vec![0; size as usize];
        self.fill(&mut bytes)?;
        Ok(Packet { bytes, at: 0 })
    }
}

/// The contents of a header. Its checksum, at the end, is not compared: a pipe does not change bytes.
pub(super) struct Packet {
    bytes: Vec<u8>,
    at: usize,
}

impl Packet {
    fn byte(&mut self) -> Result<u8, NutError> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte.ok_or(NutError::Malformed("a header is too short"))
    }

    pub fn number(&mut self) -> Result<u64, NutError> {
        number(|| self.byte())
    }

    /// With a sign: 0, 1, -1, 2, -2 and so on.
    pub fn signed(&mut self) -> Result<i64, NutError> {
        let number = self.number()?;
        let half = i64::try_from(number / 2 + number % 2);
        let half = half.map_err(|_| NutError::Malformed("a number is out of range"))?;
        Ok(if number % 2 == 0 { -half } else { half })
    }

    pub fn bytes(&mut self) -> Result<&[u8], NutError> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        let end = self.at.saturating_add(length);
        let bytes = self.bytes.get(self.at..end);
        self.at = end;
        bytes.ok_or(NutError::Malformed("a header is too short"))
    }
}

/// Seven bits a byte, the highest first; the eighth says that more follow.
fn number(mut byte: impl FnMut() -> Result<u8, NutError>) -> Result<u64, NutError> {
    let mut number = 0u64;
    loop {
        let next = byte()?;
        if number >> 57 != 0 {
            return Err(NutError::Malformed("a number is out of range"));
        }
        number = (number << 7) | u64::from(next & 0x7F);
        if next & 0x80 == 0 {
            return Ok(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_specification_writes_them() {
        let packet = |bytes: &[u8]| Packet {
            bytes: bytes.to_vec(),
            at: 0,
        };
        assert_eq!(packet(&[0x7F]).number().unwrap(), 127);
        assert_eq!(packet(&[0x81, 0x00]).number().unwrap(), 128);
        assert_eq!(packet(&[0x82, 0x80, 0x01]).number().unwrap(), 32_769);
        let signed = |byte| packet(&[byte]).signed().unwrap();
        assert_eq!([0, 1, 2, 3, 4].map(signed), [0, 1, -1, 2, -2]);
        assert!(packet(&[0x80]).number().is_err());
        assert!(packet(&[0xFF; 12]).number().is_err());
        assert_eq!(packet(&[2, 7, 8, 9]).bytes().unwrap(), [7, 8]);
        assert!(packet(&[3, 7, 8]).bytes().is_err());
    }
}
