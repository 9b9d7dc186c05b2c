"""What the service knows of file formats: one row each, with the names that people and programs give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from app.modules.files.content.media_types import (
    AIR,
    APK,
    CHM,
    CRX,
    DEB,
    DEX,
    DOCM,
    DOCX,
    ELF,
    ENCRYPTED_OFFICE,
    HTML,
    IOS_APP,
    JAR,
    JAVA_CLASS,
    MACH_O,
    MSI,
    MSIX,
    OLE,
    OOXML_SHEET,
    OOXML_SLIDES,
    OOXML_TEXT,
    OPEN_DOCUMENT,
    PHP,
    PORTABLE_EXECUTABLE,
    PPTM,
    PPTX,
    PYTHON_BYTECODE,
    RPM,
    SERVER_PAGE,
    SHELL_SCRIPT,
    SHORTCUT,
    SVG,
    TEXT,
    VSDX,
    VSIX,
    WASM,
    XAR,
    XLSB,
    XLSM,
    XLSX,
    XML,
    XPI,
    ZIP,
)

Family = Literal["text", "active", "program", "image", "audio", "video", "document", "zip", "ole", "archive", "font"]


@dataclass(frozen=True, slots=True)
class Format:
    """One row.

    Args:
        media_type: the canonical name; what is stored.
        extensions: lower-case, without the dot; one extension may stand in several rows.
        aliases: other names of the very same format.
        found_as: further verdicts of `detect` with which these bytes are what the extension says.
        declared_as: what clients call such files although it is the name of something else.
    """

    media_type: str
    extensions: tuple[str, ...]
    family: Family
    aliases: tuple[str, ...] = ()
    found_as: tuple[str, ...] = ()
    declared_as: tuple[str, ...] = ()


def _text(media_type: str, extensions: str, *aliases: str, declared_as: tuple[str, ...] = ()) -> Format:
    # Text has no magic: any harmless text is what its extension claims.
    return Format(media_type, tuple(extensions.split()), "text", aliases, (TEXT, XML), declared_as)


def _active(media_type: str, extensions: str, *aliases: str, found_as: tuple[str, ...] = (TEXT,)) -> Format:
    return Format(media_type, tuple(extensions.split()), "active", aliases, found_as, (TEXT, XML))


def _plain(
    family: Family,
    media_type: str,
    extensions: str,
    *aliases: str,
    found_as: tuple[str, ...] = (),
    declared_as: tuple[str, ...] = (),
) -> Format:
    return Format(media_type, tuple(extensions.split()), family, aliases, found_as, declared_as)


def _zip(
    media_type: str, extensions: str, *aliases: str, found_as: tuple[str, ...] = (), declared_as: tuple[str, ...] = ()
) -> Format:
    return Format(media_type, tuple(extensions.split()), "zip", aliases, found_as, (ZIP, *declared_as))


def _ole(media_type: str, extensions: str, *aliases: str) -> Format:
    return Format(media_type, tuple(extensions.split()), "ole", aliases, (OLE, ENCRYPTED_OFFICE), (OLE,))


_MP4_KIN = ("video/mp4", "audio/mp4", "video/quicktime", "video/3gpp", "video/3gpp2")
_OGG_KIN = ("audio/ogg", "video/ogg")
_EXCEL = "application/vnd.ms-excel"  # what Windows calls .csv when Excel is installed

# A table is read row by row.
# fmt: off
FORMATS: Final[tuple[Format, ...]] = (
    # Text
    _text(TEXT, "txt text log", declared_as=("application/txt",)),
    _text("text/csv", "csv", "application/csv", "text/x-csv", "application/x-csv", "text/comma-separated-values",
          declared_as=(_EXCEL,)),
    _text("text/tab-separated-values", "tsv tab", "text/tsv", declared_as=(_EXCEL,)),
    _text("text/markdown", "md markdown", "text/x-markdown"),
    _text("application/json", "json", "text/json", "application/x-json"),
    _text("application/x-ndjson", "ndjson jsonl", "application/ndjson", "application/jsonl",
          "application/x-jsonlines", "application/jsonlines"),
    _text("application/geo+json", "geojson", "application/vnd.geo+json"),
    _text("application/yaml", "yaml yml", "text/yaml", "text/x-yaml", "application/x-yaml"),
    _text("application/toml", "toml", "text/x-toml"),
    _text("text/x-ini", "ini cfg conf", "text/x-config", "text/x-properties"),
    _text(XML, "xml xsd", "text/xml"),
    _text("application/gpx+xml", "gpx", "application/gpx"),
    _text("application/vnd.google-earth.kml+xml", "kml"),
    _text("text/calendar", "ics ical"),
    _text("text/vcard", "vcf vcard", "text/x-vcard", "text/directory"),
    _text("message/rfc822", "eml", "application/x-eml"),
    _text("application/x-subrip", "srt", "text/srt", "text/x-srt"),
    _text("text/vtt", "vtt"),
    _text("application/x-tex", "tex", "text/x-tex", "text/x-latex"),
    _text("application/sql", "sql", "text/x-sql", "application/x-sql"),
    _text("text/css", "css"),
    _text("text/x-python", "py", "text/x-script.python", "application/x-python-code", "text/x-python-script"),
    # A browser takes .ts for a video; its bytes tell.
    _text("text/x-typescript", "ts tsx", "application/typescript", "text/typescript", declared_as=("video/mp2t",)),
    # What a browser or a server would run: never accepted unless the operator names the extension
    _active(HTML, "html htm xhtml", "application/xhtml+xml", found_as=(TEXT, XML)),
    _active(SVG, "svg", "image/svg", found_as=()),
    _active("text/javascript", "js mjs", "application/javascript", "application/x-javascript", "text/ecmascript"),
    _active(PHP, "php", "application/x-php", "application/x-httpd-php", found_as=(TEXT, HTML, SHELL_SCRIPT)),
    _active(SERVER_PAGE, "jsp asp", "text/x-jsp", "text/asp", found_as=(TEXT, HTML)),
    _active(SHELL_SCRIPT, "sh bash", "application/x-sh", "application/x-shellscript", "text/x-sh", "text/x-script"),
    _plain("program", PORTABLE_EXECUTABLE, "exe dll scr", "application/x-dosexec", "application/x-msdownload",
           "application/x-msdos-program", "application/exe", "application/x-exe", "application/x-winexe"),
    _plain("program", ELF, "elf so", "application/x-elf", "application/x-sharedlib", "application/x-pie-executable",
           "application/x-object", "application/x-coredump"),
    _plain("program", MACH_O, "dylib"),
    _plain("program", JAVA_CLASS, "class", "application/x-java-applet", "application/x-java-vm"),
    _plain("program", SHORTCUT, "lnk"),
    _plain("program", MSI, "msi msp", "application/x-ms-installer"),
    _plain("program", WASM, "wasm"),
    _plain("program", DEX, "dex"),
    _plain("program", PYTHON_BYTECODE, "pyc pyo", "application/x-bytecode.python"),
    _plain("program", CHM, "chm", "application/x-chm"),
    _plain("program", DEB, "deb", "application/x-debian-package", "application/x-deb"),
    _plain("program", RPM, "rpm", "application/x-redhat-package-manager"),
    _plain("program", XAR, "pkg", "application/vnd.apple.installer+xml"),
    _plain("program", CRX, "crx"),
    _plain("program", MSIX, "msix msixbundle appx appxbundle", "application/appx", "application/msixbundle",
           "application/appxbundle"),
    _plain("program", IOS_APP, "ipa"),
    _plain("program", XPI, "xpi"),
    _plain("program", VSIX, "vsix"),
    _plain("program", AIR, "air"),
    _plain("program", JAR, "jar war ear", "application/x-java-archive", "application/x-jar"),
    _plain("program", APK, "apk"),
    # Documents
    _plain("document", "application/pdf", "pdf", "application/x-pdf", "text/pdf"),
    _plain("document", "application/rtf", "rtf", "text/rtf", "text/richtext"),
    _plain("document", "application/postscript", "ps eps ai", "image/x-eps", "application/eps", "image/eps",
           found_as=("application/pdf",)),
    _ole("application/msword", "doc dot", "application/vnd.msword", "application/x-msword"),
    _ole(_EXCEL, "xls xlt", "application/msexcel", "application/x-msexcel", "application/x-excel"),
    _ole("application/vnd.ms-powerpoint", "ppt pps pot", "application/mspowerpoint", "application/x-mspowerpoint"),
    _ole("application/vnd.ms-outlook", "msg", "application/x-msg"),
    _ole("application/vnd.visio", "vsd", "application/x-visio"),
    _zip(DOCX, "docx", found_as=(ENCRYPTED_OFFICE,), declared_as=("application/msword",)),
    _zip(f"{OOXML_TEXT}.template", "dotx", found_as=(DOCX,)),
    _zip(DOCM, "docm dotm", found_as=(DOCX, ENCRYPTED_OFFICE)),
    _zip(XLSX, "xlsx", found_as=(ENCRYPTED_OFFICE,), declared_as=(_EXCEL,)),
    _zip(f"{OOXML_SHEET}.template", "xltx", found_as=(XLSX,)),
    _zip(XLSM, "xlsm xltm", found_as=(XLSX, ENCRYPTED_OFFICE)),
    _zip(XLSB, "xlsb", found_as=(ENCRYPTED_OFFICE,)),
    _zip(PPTX, "pptx", found_as=(ENCRYPTED_OFFICE,), declared_as=("application/vnd.ms-powerpoint",)),
    _zip(f"{OOXML_SLIDES}.slideshow", "ppsx", found_as=(PPTX,)),
    _zip(f"{OOXML_SLIDES}.template", "potx", found_as=(PPTX,)),
    _zip(PPTM, "pptm ppsm potm", found_as=(PPTX, ENCRYPTED_OFFICE)),
    _zip(VSDX, "vsdx", "application/vnd.visio2013"),
    _zip(f"{OPEN_DOCUMENT}.text", "odt", found_as=(OPEN_DOCUMENT,)),
    _zip(f"{OPEN_DOCUMENT}.text-template", "ott", found_as=(OPEN_DOCUMENT,)),
    _zip(f"{OPEN_DOCUMENT}.spreadsheet", "ods", found_as=(OPEN_DOCUMENT,)),
    _zip(f"{OPEN_DOCUMENT}.spreadsheet-template", "ots", found_as=(OPEN_DOCUMENT,)),
    _zip(f"{OPEN_DOCUMENT}.presentation", "odp", found_as=(OPEN_DOCUMENT,)),
    _zip(f"{OPEN_DOCUMENT}.presentation-template", "otp", found_as=(OPEN_DOCUMENT,)),
    _zip(f"{OPEN_DOCUMENT}.graphics", "odg", found_as=(OPEN_DOCUMENT,)),
    _zip("application/epub+zip", "epub"),
    _zip("application/vnd.google-earth.kmz", "kmz", found_as=(ZIP,)),
    _zip("application/vnd.apple.pages", "pages", "application/x-iwork-pages-sffpages", found_as=(ZIP,)),
    _zip("application/vnd.apple.numbers", "numbers", "application/x-iwork-numbers-sffnumbers", found_as=(ZIP,)),
    _zip("application/vnd.apple.keynote", "key", "application/x-iwork-keynote-sffkey", found_as=(ZIP,)),
    # An Office file under .zip is still an archive that nothing runs; a JAR or an APK is not accepted under it.
    _zip(ZIP, "zip", "application/x-zip-compressed", "application/x-zip", "multipart/x-zip"),
    # Archives
    _plain("archive", "application/gzip", "gz tgz svgz", "application/x-gzip", "application/x-compressed-tar",
           "application/x-gtar-compressed", "application/x-tgz", "application/x-gunzip",
           declared_as=("application/x-tar",)),
    _plain("archive", "application/x-bzip2", "bz2 tbz2", "application/x-bzip", "application/bzip2"),
    _plain("archive", "application/x-xz", "xz txz"),
    _plain("archive", "application/zstd", "zst", "application/x-zstd"),
    _plain("archive", "application/x-7z-compressed", "7z"),
    _plain("archive", "application/vnd.rar", "rar", "application/x-rar", "application/x-rar-compressed"),
    _plain("archive", "application/x-tar", "tar", "application/tar"),
    # Images
    _plain("image", "image/jpeg", "jpg jpeg jpe jfif", "image/jpg", "image/pjpeg", "image/jfif"),
    _plain("image", "image/png", "png", "image/x-png", "image/apng", "image/vnd.mozilla.apng"),
    _plain("image", "image/gif", "gif"),
    _plain("image", "image/webp", "webp"),
    _plain("image", "image/avif", "avif", "image/avif-sequence"),
    _plain("image", "image/heic", "heic", "image/heic-sequence", found_as=("image/heif",)),
    _plain("image", "image/heif", "heif", "image/heif-sequence", found_as=("image/heic",)),
    _plain("image", "image/tiff", "tif tiff", "image/x-tiff"),
    _plain("image", "image/bmp", "bmp dib", "image/x-ms-bmp", "image/x-bmp"),
    _plain("image", "image/vnd.microsoft.icon", "ico", "image/x-icon", "image/ico"),
    _plain("image", "image/vnd.adobe.photoshop", "psd", "image/psd", "image/x-photoshop", "application/x-photoshop"),
    _plain("image", "image/jxl", "jxl"),
    _plain("image", "image/jp2", "jp2", "image/jpeg2000"),
    _plain("image", "image/x-adobe-dng", "dng", "image/dng", found_as=("image/tiff",)),
    # Sound
    _plain("audio", "audio/mpeg", "mp3", "audio/mp3", "audio/x-mp3", "audio/x-mpeg", "audio/mpeg3"),
    _plain("audio", "audio/mp4", "m4a m4b", "audio/x-m4a", "audio/m4a", "audio/x-m4b", found_as=_MP4_KIN,
           declared_as=("audio/mpeg", "audio/aac")),
    _plain("audio", "audio/aac", "aac", "audio/x-aac", "audio/aacp", "audio/x-hx-aac-adts", "audio/vnd.dlna.adts"),
    _plain("audio", "audio/ogg", "ogg oga opus spx", "audio/opus", "audio/vorbis", "application/ogg",
           "audio/x-vorbis+ogg", found_as=_OGG_KIN),
    _plain("audio", "audio/wav", "wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"),
    _plain("audio", "audio/flac", "flac", "audio/x-flac"),
    _plain("audio", "audio/aiff", "aif aiff", "audio/x-aiff"),
    _plain("audio", "audio/midi", "mid midi", "audio/x-midi", "audio/mid"),
    _plain("audio", "audio/amr", "amr"),
    _plain("audio", "audio/x-ms-wma", "wma", found_as=("video/x-ms-asf",)),
    # Film
    _plain("video", "video/mp4", "mp4 m4v mp4v", "video/x-m4v", "application/mp4", found_as=_MP4_KIN),
    _plain("video", "video/quicktime", "mov qt", found_as=_MP4_KIN),
    _plain("video", "video/3gpp", "3gp 3gpp", "audio/3gpp", found_as=_MP4_KIN),
    _plain("video", "video/3gpp2", "3g2", "audio/3gpp2", found_as=_MP4_KIN),
    _plain("video", "video/webm", "webm", found_as=("audio/webm", "video/x-matroska")),
    _plain("audio", "audio/webm", "weba webm", found_as=("video/webm",)),
    _plain("video", "video/x-matroska", "mkv", "video/matroska", "audio/x-matroska", found_as=("video/webm",)),
    _plain("video", "video/ogg", "ogv ogg", found_as=_OGG_KIN),
    _plain("video", "video/x-msvideo", "avi", "video/avi", "video/msvideo", "video/vnd.avi"),
    _plain("video", "video/mpeg", "mpg mpeg mpe vob", "video/mpeg-sys", "video/x-mpeg", "video/mpv", "video/mp1s",
           "video/mp2p"),
    _plain("video", "video/mp2t", "mts m2ts ts", "video/vnd.dlna.mpeg-tts"),
    _plain("video", "video/x-ms-wmv", "wmv", found_as=("video/x-ms-asf",)),
    _plain("video", "video/x-ms-asf", "asf", "application/vnd.ms-asf"),
    _plain("video", "video/x-flv", "flv"),
    # Fonts
    _plain("font", "font/ttf", "ttf", "font/sfnt", "application/x-font-ttf", "application/font-sfnt"),
    _plain("font", "font/otf", "otf", "application/vnd.ms-opentype", "application/x-font-otf"),
    _plain("font", "font/woff", "woff", "application/font-woff", "application/x-font-woff"),
    _plain("font", "font/woff2", "woff2", "application/font-woff2"),
    # Data
    _plain("document", "application/vnd.sqlite3", "sqlite sqlite3 db", "application/x-sqlite3"),
    _plain("document", "application/vnd.apache.parquet", "parquet", "application/x-parquet"),
)
# fmt: on
