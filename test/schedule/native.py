"""The time tables of src/model as a library of this process, for comparisons with other implementations."""

import ctypes
import glob
import json
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BASE = "arena buf err json json_write map mem utf8 value value_tree time duration".split()
NONE = -(2**63)
ZONEINFO = os.environ.get("TRADEWIND_ZONEINFO", "/usr/share/zoneinfo")


def _build():
    out = os.path.join(tempfile.mkdtemp(prefix="tradewind-schedule-"), "schedule.so")
    sources = [f"{ROOT}/src/base/{name}.c" for name in BASE]
    for pattern in ("cron*.c", "zone*.c", "timetable*.c"):
        sources += sorted(glob.glob(f"{ROOT}/src/model/{pattern}"))
    subprocess.run(
        [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-g", "-std=gnu17", "-D_GNU_SOURCE", f"-I{ROOT}/src",
         "-o", out, *sources, "-lm"],
        check=True,
    )
    return ctypes.CDLL(out)


class Err(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("line", ctypes.c_int), ("col", ctypes.c_int), ("text", ctypes.c_char * 1024)]

    def __str__(self):
        return self.text.decode()


class Run(ctypes.Structure):
    _fields_ = [
        ("run_after", ctypes.c_int64),
        ("start", ctypes.c_int64),
        ("end", ctypes.c_int64),
        ("logical", ctypes.c_int64),
        ("partition_date", ctypes.c_int64),
        ("partition", ctypes.c_char * 250),
    ]


class Question(ctypes.Structure):
    _fields_ = [
        ("zone", ctypes.c_void_p),
        ("last", ctypes.POINTER(Run)),
        ("earliest", ctypes.c_int64),
        ("latest", ctypes.c_int64),
        ("catchup", ctypes.c_bool),
        ("now", ctypes.c_int64),
    ]


class Arena(ctypes.Structure):
    _fields_ = [("head", ctypes.c_void_p), ("used", ctypes.c_size_t), ("max", ctypes.c_size_t)]


lib = _build()
i64, ptr = ctypes.c_int64, ctypes.c_void_p
lib.zone_to_wall.restype = i64
lib.zone_to_wall.argtypes = [ptr, i64]
lib.zone_offset.argtypes = [ptr, i64, ctypes.POINTER(ctypes.c_char_p), ctypes.POINTER(ctypes.c_bool)]
lib.zone_to_utc.argtypes = [ptr, i64, ctypes.POINTER(i64), ctypes.POINTER(i64)]
lib.zone_load.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ptr), ctypes.POINTER(Err)]
lib.zone_fixed.argtypes = [ctypes.c_char_p, ctypes.POINTER(ptr), ctypes.POINTER(Err)]
lib.cron_parse.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(Err)]
lib.cron_next.argtypes = lib.cron_previous.argtypes = [ctypes.c_char_p, i64, ctypes.POINTER(i64)]
lib.timetable_next.argtypes = [ptr, ctypes.POINTER(Question), ctypes.POINTER(Run), ctypes.POINTER(Err)]
lib.timetable_manual_interval.argtypes = [ptr, ptr, i64, ctypes.POINTER(i64), ctypes.POINTER(i64), ctypes.POINTER(Err)]
lib.timetable_parse.argtypes = [ctypes.POINTER(Arena), ptr, ptr, ctypes.POINTER(ptr), ctypes.POINTER(Err)]
lib.value_parse.argtypes = [ctypes.POINTER(Arena), ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ptr), ctypes.POINTER(Err)]
lib.arena_init.argtypes = [ctypes.POINTER(Arena), ctypes.c_size_t]


class Zone:
    """A zone from its file, or from an offset."""

    def __init__(self, name):
        self.handle, e = ptr(), Err()
        try:
            with open(os.path.join(ZONEINFO, name), "rb") as f:
                data = f.read()
            rc = lib.zone_load(name.encode(), None, data, len(data), self.handle, e)
        except OSError:
            rc = lib.zone_fixed(name.encode(), self.handle, e)
        if rc != 0:
            raise ValueError(str(e))

    def offset(self, utc_us):
        """(seconds, abbreviation, dst)"""
        name, dst = ctypes.c_char_p(), ctypes.c_bool()
        seconds = lib.zone_offset(self.handle, utc_us, name, dst)
        return seconds, name.value.decode(), dst.value

    def to_utc(self, wall_us):
        """(kind, early, late)"""
        early, late = i64(), i64()
        kind = lib.zone_to_utc(self.handle, wall_us, early, late)
        return kind, early.value, late.value


class Cron:
    """An expression. ValueError."""

    def __init__(self, text, dialect=0):
        self.data, e = ctypes.create_string_buffer(1024), Err()
        raw = text.encode()
        if lib.cron_parse(raw, len(raw), dialect, self.data, e) != 0:
            raise ValueError(str(e))

    def next(self, wall_us, previous=False):
        """The next (or previous) instant, or None."""
        found = i64()
        rc = (lib.cron_previous if previous else lib.cron_next)(self.data, wall_us, found)
        return found.value if rc == 0 else None


class Timetable:
    """A schedule of a document. ValueError."""

    def __init__(self, schedule, zone):
        self.arena, self.handle, e = Arena(), ptr(), Err()
        lib.arena_init(self.arena, 1 << 26)
        text, value = json.dumps(schedule).encode(), ptr()
        assert lib.value_parse(self.arena, text, len(text), value, e) == 0
        if lib.timetable_parse(self.arena, value, None, self.handle, e) != 0:
            raise ValueError(str(e))
        self.zone = zone

    def next(self, last, earliest, latest, catchup, now):
        """The next Run, or None."""
        e, run = Err(), Run()
        q = Question(self.zone.handle, ctypes.pointer(last) if last is not None else None,
                     NONE if earliest is None else earliest, NONE if latest is None else latest, catchup, now)
        rc = lib.timetable_next(self.handle, q, run, e)
        if rc < 0:
            raise ValueError(str(e))
        return run if rc == 1 else None

    def manual(self, run_after):
        """(start, end)"""
        e, start, end = Err(), i64(), i64()
        if lib.timetable_manual_interval(self.handle, self.zone.handle, run_after, start, end, e) != 0:
            raise ValueError(str(e))
        return start.value, end.value
