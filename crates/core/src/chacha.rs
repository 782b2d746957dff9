//! One block of the ChaCha8 stream, wherever in the stream it is.
//!
//! A generator that keeps the blocks it has made takes some 300 octets, and a simulated network
//! has one in each direction of every cable, drawn from once in a while. Those who keep only the
//! key, and make a block again whenever they draw, take a tenth of that.

/// The words of block number `counter` of the stream with this key (nonce zero), as
/// `rand_chacha::ChaCha8Rng` gives them.
pub(crate) fn block(key: &[u32; 8], counter: u64) -> [u32; 16] {
    let [low, high] = [counter as u32, (counter >> 32) as u32];
    let half = |at: usize| [key[at], key[at + 1], key[at + 2], key[at + 3]];
    // The four rows of the state; a row is one register of the processor.
    let begun = [CONSTANTS, half(0), half(4), [low, high, 0, 0]];
    let mut rows = begun;
    for _ in 0..DOUBLE_ROUNDS {
        quarter_rounds(&mut rows);
        // Diagonals become columns, and columns again.
        rotate_rows(&mut rows, [1, 2, 3]);
        quarter_rounds(&mut rows);
        rotate_rows(&mut rows, [3, 2, 1]);
    }
    let mut words = [0; 16];
    for (at, word) in words.iter_mut().enumerate() {
        *word = rows[at / 4][at % 4].wrapping_add(begun[at / 4][at % 4]);
    }
    words
}

/// RFC 8439 §2.1, on the four columns at once.
#[inline(always)]
fn quarter_rounds([a, b, c, d]: &mut [[u32; 4]; 4]) {
    for (bits_d, bits_b) in [(16, 12), (8, 7)] {
        for column in 0..4 {
            a[column] = a[column].wrapping_add(b[column]);
            d[column] = (d[column] ^ a[column]).rotate_left(bits_d);
        }
        for column in 0..4 {
            c[column] = c[column].wrapping_add(d[column]);
            b[column] = (b[column] ^ c[column]).rotate_left(bits_b);
        }
    }
}

#[inline(always)]
fn rotate_rows(rows: &mut [[u32; 4]; 4], by: [usize; 3]) {
    for (row, by) in rows[1..].iter_mut().zip(by) {
        row.rotate_left(by);
    }
}

/// "expand 32-byte k"
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
const DOUBLE_ROUNDS: usize = 4;

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn blocks_are_those_of_the_reference() {
        for seed in [[0; 32], std::array::from_fn(|n| n as u8 * 7)] {
            let mut key = [0; 8];
            for (word, octets) in key.iter_mut().zip(seed.as_chunks().0) {
                *word = u32::from_le_bytes(*octets);
            }
            let mut reference = ChaCha8Rng::from_seed(seed);
            for counter in 0..20 {
                let expected = [(); 16].map(|()| reference.next_u32());
                assert_eq!(block(&key, counter), expected, "block {counter}");
            }
            reference.set_word_pos(u128::from(u32::MAX) << 4);
            for counter in [u32::MAX.into(), u64::from(u32::MAX) + 1] {
                let expected = [(); 16].map(|()| reference.next_u32());
                assert_eq!(block(&key, counter), expected, "block {counter}");
            }
        }
    }
}
