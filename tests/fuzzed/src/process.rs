//! What comes over the supervisor's socket, and from the record of an attempt that a dying machine may have cut anywhere.

use noctule_process::untrusted;

/// Bytes of a socket: however they are cut, the same frames come out.
pub fn supervisor_frames(data: &[u8]) {
    let whole = untrusted::frames(&[data]);
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    let by_size = data.chunks(usize::from(data.first().copied().unwrap_or(7)).max(1));
    assert_eq!(whole, untrusted::frames(&bytes), "cut at every byte");
    assert_eq!(whole, untrusted::frames(&by_size.collect::<Vec<_>>()));
    let taken: usize = whole.0.iter().map(|body| body.len() + 4).sum();
    assert!(taken <= data.len());
    for body in &whole.0 {
        let (question, answer) = untrusted::messages(body);
        for message in question.into_iter().chain(answer) {
            let framed = untrusted::framed(&message).expect("what was read can be sent");
            assert_eq!(untrusted::frames(&[&framed]).0.len(), 1);
        }
    }
}

/// A record: only whole lines count, and what stands in the first ones is not undone by what follows.
pub fn process_record(data: &[u8]) {
    let (started, ended) = untrusted::record(data);
    let whole = data
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    assert_eq!(
        (started, ended),
        untrusted::record(&data[..whole]),
        "a line that was cut"
    );
    for end in (0..whole).step_by(whole / 16 + 1) {
        let (started_before, ended_before) = untrusted::record(&data[..end]);
        assert!(!started_before || started);
        assert!(ended_before.is_none() || ended_before == ended);
    }
}
