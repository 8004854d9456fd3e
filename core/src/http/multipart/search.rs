/// If `needle` occurs in `text`.
///
/// R. N. Horspool, *Practical fast searching in strings*, 1980: it looks at one byte in `needle.len()` where nothing
/// resembles the needle, which is everywhere.
pub(super) fn contains(text: &[u8], needle: &[u8]) -> bool {
    let Some((last, start)) = needle.split_last() else { return true };
    let mut shifts = [needle.len(); 256];
    for (index, byte) in start.iter().enumerate() {
        shifts[usize::from(*byte)] = start.len() - index;
    }
    let mut at = start.len();
    while let Some(byte) = text.get(at) {
        if byte == last && text[at - start.len()..at] == *start {
            return true;
        }
        at += shifts[usize::from(*byte)];
    }
    false
}
