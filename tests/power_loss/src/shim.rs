//! The recording shim: a VFS that does what the default one does, and tells a [`Log`] of it.
//!
//! The only file with unsafe code. It is a copy of the default VFS with two functions replaced (open, delete); the file
//! that SQLite gets is a head of ours followed by the real one, and each call goes on to the real one. Files outside of a
//! recorded folder pass through. Nothing is ever answered differently from what the real file answered; only a planted
//! defect changes a pragma on its way.

#![expect(
    unsafe_code,
    reason = "SQLite is told of a VFS by C structures and pointers; there is no safe interface to it"
)]

use std::cell::Cell;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};

use libsqlite3_sys as ffi;

use crate::log::Log;

static LOGS: Mutex<Vec<Arc<Log>>> = Mutex::new(Vec::new());
/// Pages in the write-ahead log after which a commit makes a checkpoint; 0 leaves what SQLite has.
static CHECKPOINT: AtomicI32 = AtomicI32::new(0);

/// Records what happens in a folder, from now until [`forget`].
pub(crate) fn record(log: &Arc<Log>) {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(register);
    logs(|logs| logs.push(Arc::clone(log)));
}

/// Records no more of that folder; files that are open go on being recorded.
pub(crate) fn forget(log: &Arc<Log>) {
    logs(|logs| logs.retain(|known| !Arc::ptr_eq(known, log)));
}

/// Every connection opened from now on makes a checkpoint after so many pages.
pub(crate) fn checkpoint_after(pages: i32) {
    CHECKPOINT.store(pages, Ordering::SeqCst);
}

fn logs<T>(act: impl FnOnce(&mut Vec<Arc<Log>>) -> T) -> T {
    act(&mut LOGS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What of a recorded file is ours.
struct Tap {
    log: Arc<Log>,
    name: String,
}

/// The head before the real file.
#[repr(C)]
struct Head {
    file: ffi::sqlite3_file,
    /// From `Box::into_raw`, or null for a file that is not recorded.
    tap: *mut Tap,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 3,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: Some(fetch),
    xUnfetch: Some(unfetch),
};

fn register() {
    // SAFETY: the default VFS lives as long as the process, and so does its copy, which is leaked.
    unsafe {
        let base = ffi::sqlite3_vfs_find(std::ptr::null());
        assert!(!base.is_null(), "SQLite has a default VFS");
        let mut ours = std::ptr::read(base);
        let head = c_int::try_from(size_of::<Head>()).unwrap_or(c_int::MAX);
        ours.szOsFile += head;
        ours.zName = c"recording".as_ptr();
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1);
        ffi::sqlite3_auto_extension(Some(connected));
    }
}

thread_local! {
    /// The connection that this thread opened last: each has a thread of its own.
    static CONNECTION: Cell<*mut ffi::sqlite3> = const { Cell::new(std::ptr::null_mut()) };
}

/// Keeps the connection. SQLite sets its own distance of checkpoints after this, so ours waits for the first pragma.
unsafe extern "C" fn connected(
    db: *mut ffi::sqlite3,
    _message: *mut *mut c_char,
    _api: *const ffi::sqlite3_api_routines,
) -> c_int {
    CONNECTION.set(db);
    ffi::SQLITE_OK
}

fn set_checkpoint() {
    let (db, pages) = (CONNECTION.take(), CHECKPOINT.load(Ordering::SeqCst));
    if !db.is_null() && pages != 0 {
        // SAFETY: the first pragma of a connection, on the thread that opened it: it is open, and its lock is ours.
        unsafe { ffi::sqlite3_wal_autocheckpoint(db, pages) };
    }
}

/// The VFS that was the default before ours.
fn base() -> *mut ffi::sqlite3_vfs {
    // SAFETY: the name is a C string; the answer lives as long as the process.
    unsafe { ffi::sqlite3_vfs_find(c"unix".as_ptr()) }
}

fn tap_of(path: &Path) -> Option<Tap> {
    logs(|logs| {
        let find = |log: &Arc<Log>| {
            log.name_of(path).map(|name| Tap {
                log: Arc::clone(log),
                name,
            })
        };
        logs.iter().find_map(find)
    })
}

unsafe fn path_of<'a>(name: *const c_char) -> Option<&'a Path> {
    // SAFETY: SQLite gives C strings that live during the call, or null for a temporary file.
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })?;
    Some(Path::new(OsStr::from_bytes(name.to_bytes())))
}

unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives room for `szOsFile` bytes: our head, then the real file.
    unsafe {
        let head = file.cast::<Head>();
        (*head).file.pMethods = std::ptr::null();
        (*head).tap = std::ptr::null_mut();
        let base = base();
        let Some(real_open) = (*base).xOpen else {
            return ffi::SQLITE_CANTOPEN;
        };
        let code = real_open(base, name, real(file), flags, out);
        if code == ffi::SQLITE_OK {
            (*head).file.pMethods = &raw const METHODS;
            if let Some(tap) = path_of(name).and_then(tap_of) {
                tap.log.opened(&tap.name);
                (*head).tap = Box::into_raw(Box::new(tap));
            }
        }
        code
    }
}

unsafe extern "C" fn delete(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: the base lives as long as the process; the name is SQLite's.
    unsafe {
        let base = base();
        let Some(real_delete) = (*base).xDelete else {
            return ffi::SQLITE_IOERR;
        };
        let code = real_delete(base, name, sync_folder);
        if code == ffi::SQLITE_OK
            && let Some(tap) = path_of(name).and_then(tap_of)
        {
            tap.log.deleted(&tap.name, sync_folder != 0);
        }
        code
    }
}

/// The real file, behind our head.
unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: `open` and SQLite agree that the room behind the head is the real file's.
    unsafe { file.cast::<Head>().add(1).cast() }
}

unsafe fn tap<'a>(file: *mut ffi::sqlite3_file) -> Option<&'a Tap> {
    // SAFETY: the pointer is null or from `Box::into_raw`, and is freed in `close` alone.
    unsafe { (*file.cast::<Head>()).tap.as_ref() }
}

/// Calls a method of the real file.
macro_rules! forward {
    ($file:expr, $method:ident $(, $argument:expr)*) => {
        // SAFETY: `pMethods` was set by the real VFS when it opened the file; the arguments are SQLite's own.
        unsafe {
            let real = real($file);
            match (*(*real).pMethods).$method {
                Some(call) => call(real $(, $argument)*),
                None => ffi::SQLITE_IOERR,
            }
        }
    };
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let code = forward!(file, xClose);
    // SAFETY: SQLite closes a file once; the tap is from `Box::into_raw`.
    unsafe {
        let head = file.cast::<Head>();
        if !(*head).tap.is_null() {
            drop(Box::from_raw((*head).tap));
            (*head).tap = std::ptr::null_mut();
        }
    }
    code
}

unsafe extern "C" fn read(f: *mut ffi::sqlite3_file, to: *mut c_void, n: c_int, at: i64) -> c_int {
    forward!(f, xRead, to, n, at)
}

unsafe extern "C" fn write(
    f: *mut ffi::sqlite3_file,
    from: *const c_void,
    n: c_int,
    at: i64,
) -> c_int {
    let code = forward!(f, xWrite, from, n, at);
    // SAFETY: SQLite gives `n` bytes to write.
    unsafe {
        if code == ffi::SQLITE_OK
            && let Some(tap) = tap(f)
        {
            let length = usize::try_from(n).unwrap_or(0);
            let bytes = std::slice::from_raw_parts(from.cast::<u8>(), length);
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            tap.log.written(&tap.name, at, bytes);
        }
    }
    code
}

unsafe extern "C" fn truncate(f: *mut ffi::sqlite3_file, size: i64) -> c_int {
    let code = forward!(f, xTruncate, size);
    // SAFETY: an open file.
    if code == ffi::SQLITE_OK
        && let Some(tap) = unsafe { tap(f) }
    {
        let size = usize::try_from(size).unwrap_or(0);
        tap.log.truncated(&tap.name, size);
    }
    code
}

unsafe extern "C" fn sync(f: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    let code = forward!(f, xSync, flags);
    // SAFETY: an open file.
    if code == ffi::SQLITE_OK
        && let Some(tap) = unsafe { tap(f) }
    {
        tap.log.synced(&tap.name);
    }
    code
}

unsafe extern "C" fn file_control(f: *mut ffi::sqlite3_file, op: c_int, arg: *mut c_void) -> c_int {
    if op == ffi::SQLITE_FCNTL_PRAGMA {
        set_checkpoint();
        // SAFETY: for this operation SQLite gives four C strings: an answer, the name, the value, nothing.
        unsafe { plant(f, arg.cast()) };
    }
    forward!(f, xFileControl, op, arg)
}

/// Puts a planted value in the place of that of `PRAGMA synchronous`, in SQLite's own copy of the text.
unsafe fn plant(f: *mut ffi::sqlite3_file, given: *mut *mut c_char) {
    // SAFETY: see `file_control`; the value is at least as long as one digit, for it is no empty text.
    unsafe {
        let planted = tap(f).and_then(|tap| tap.log.plant.synchronous());
        let (Some(level), name, value) = (planted, *given.add(1), *given.add(2)) else {
            return;
        };
        if !value.is_null() && *value != 0 && CStr::from_ptr(name) == c"synchronous" {
            *value = level.cast_signed() as c_char;
            *value.add(1) = 0;
        }
    }
}

unsafe extern "C" fn file_size(f: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    forward!(f, xFileSize, size)
}

unsafe extern "C" fn lock(f: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    forward!(f, xLock, level)
}

unsafe extern "C" fn unlock(f: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    forward!(f, xUnlock, level)
}

unsafe extern "C" fn check_reserved_lock(f: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    forward!(f, xCheckReservedLock, out)
}

unsafe extern "C" fn sector_size(f: *mut ffi::sqlite3_file) -> c_int {
    forward!(f, xSectorSize)
}

/// What the default VFS says of the disk, unchanged: the images must hold for the store as it is shipped.
unsafe extern "C" fn device_characteristics(f: *mut ffi::sqlite3_file) -> c_int {
    forward!(f, xDeviceCharacteristics)
}

unsafe extern "C" fn shm_map(
    f: *mut ffi::sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    forward!(f, xShmMap, page, size, extend, out)
}

unsafe extern "C" fn shm_lock(f: *mut ffi::sqlite3_file, at: c_int, n: c_int, how: c_int) -> c_int {
    forward!(f, xShmLock, at, n, how)
}

unsafe extern "C" fn shm_barrier(f: *mut ffi::sqlite3_file) {
    // SAFETY: as in `forward!`.
    unsafe {
        let real = real(f);
        if let Some(barrier) = (*(*real).pMethods).xShmBarrier {
            barrier(real);
        }
    }
}

unsafe extern "C" fn shm_unmap(f: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    forward!(f, xShmUnmap, delete)
}

unsafe extern "C" fn fetch(
    f: *mut ffi::sqlite3_file,
    at: i64,
    n: c_int,
    out: *mut *mut c_void,
) -> c_int {
    forward!(f, xFetch, at, n, out)
}

unsafe extern "C" fn unfetch(f: *mut ffi::sqlite3_file, at: i64, page: *mut c_void) -> c_int {
    forward!(f, xUnfetch, at, page)
}
