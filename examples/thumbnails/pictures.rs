//! Pictures to make thumbnails of: painted ones, a torn one, and a bomb.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};

const COUNT: u32 = 24;
const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Paints pictures into a folder, half of them PNG, half JPEG.
pub fn paint(folder: &Path) -> Result<Vec<PathBuf>> {
    (0..COUNT)
        .map(|number| {
            let extension = if number % 2 == 0 { "png" } else { "jpg" };
            let path = folder.join(format!("picture-{number:02}.{extension}"));
            RgbImage::from_fn(WIDTH, HEIGHT, |x, y| colour(number, x, y)).save(&path)?;
            Ok(path)
        })
        .collect()
}

/// Rings around a place that differs from picture to picture.
fn colour(number: u32, x: u32, y: u32) -> Rgb<u8> {
    let (dx, dy) = (x.abs_diff(WIDTH * (number + 1) / (COUNT + 1)), y.abs_diff(HEIGHT / 2));
    let ring = (dx * dx + dy * dy).isqrt();
    Rgb([(ring % 256) as u8, (number * 255 / COUNT) as u8, (255 - y) as u8])
}

/// Adds what is no good: a JPEG that ends in its middle, and a PNG that claims to be of a million by a million pixels.
pub fn spoil(folder: &Path) -> Result<()> {
    let whole = fs::read(folder.join("picture-01.jpg"))?;
    // Its header only: no decoder makes a picture of that.
    fs::write(folder.join("torn.jpg"), whole.get(..100).unwrap_or_default())?;
    fs::write(folder.join("bomb.png"), bomb())?;
    Ok(())
}

/// The signature and the header of a PNG, and the beginning of its data. Whoever makes room for all of it first asks for
/// three terabytes.
fn bomb() -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    for side in [1_000_000u32, 1_000_000] {
        header.extend(side.to_be_bytes());
    }
    // 8 bits, red green blue, and the only ways there are to compress, filter and interlace none.
    header.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for chunk in [header, b"IDAT\x78\x9c".to_vec(), b"IEND".to_vec()] {
        png.extend((chunk.len() as u32 - 4).to_be_bytes());
        png.extend(&chunk);
        png.extend(crc(&chunk).to_be_bytes());
    }
    png
}

/// The check of a chunk (PNG specification, annex D).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 })
    })
}

/// Whether a thumbnail is of this picture: small, of the same shape, and of about the same colour.
pub fn compare(picture: &Path, thumbnail: &Path) -> Result<()> {
    let (large, small) = (image::open(picture)?.into_rgb8(), image::open(thumbnail)?.into_rgb8());
    let name = picture.display();
    if small.dimensions() != (64, 48) {
        return Err(format!("{name}: its thumbnail has {:?} pixels", small.dimensions()).into());
    }
    let (of_large, of_small) = (mean(&large), mean(&small));
    if of_large.iter().zip(of_small).any(|(large, small)| large.abs_diff(small) > 6) {
        return Err(format!("{name}: it is {of_large:?}, but its thumbnail {of_small:?}").into());
    }
    Ok(())
}

fn mean(picture: &RgbImage) -> [u64; 3] {
    let mut sums = [0; 3];
    for pixel in picture.pixels() {
        for (sum, channel) in sums.iter_mut().zip(pixel.0) {
            *sum += u64::from(channel);
        }
    }
    let count = u64::from(picture.width() * picture.height());
    sums.map(|sum| sum / count)
}
