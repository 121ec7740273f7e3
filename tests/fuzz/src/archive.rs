//! Tar archives that get past their checksums.

const BLOCK: usize = 512;

/// Appends a member. Names longer than a header takes are cut.
pub fn append(out: &mut Vec<u8>, name: &str, kind: u8, mode: u32, link: &str, contents: &[u8]) {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &name.as_bytes()[..name.len().min(100)]);
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000\x000000000");
    put(124, format!("{:011o}", contents.len()).as_bytes());
    put(136, b"00000000000");
    put(156, &[kind]);
    put(157, &link.as_bytes()[..link.len().min(100)]);
    put(257, b"ustar\x0000");
    seal(&mut header);
    out.extend(header);
    out.extend(contents);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}

fn seal(header: &mut [u8]) {
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// The same bytes with a right checksum in every header, as far as the sizes lead from one to the next.
pub fn mend(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    let mut at = 0;
    while let Some(header) = data.get_mut(at..at + BLOCK) {
        if header.iter().any(|byte| *byte != 0) {
            seal(header);
        }
        let digits: String = header[124..136]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .map(|byte| char::from(*byte))
            .collect();
        let size = usize::from_str_radix(&digits, 8).unwrap_or(0);
        let has_contents = !matches!(header[156], b'1'..=b'6');
        let contents = if has_contents { size } else { 0 };
        let Some(next) = contents
            .checked_next_multiple_of(BLOCK)
            .and_then(|contents| contents.checked_add(at + BLOCK))
        else {
            break;
        };
        at = next;
    }
    data
}
