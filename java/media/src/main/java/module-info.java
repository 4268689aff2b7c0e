import cloze.media.ParquetFormat;

/** Readers with heavy dependencies, as service providers of cloze.data. */
@org.jspecify.annotations.NullMarked
module cloze.media {
    requires cloze.core;
    requires dev.hardwood.core;
    requires static org.jspecify;

    provides cloze.data.TextFormat with
            ParquetFormat;
}
