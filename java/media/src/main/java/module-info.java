import cloze.media.ImageIoCodec;
import cloze.media.ParquetFormat;
import cloze.media.ParquetImages;
import cloze.media.TarImages;

/** Readers with heavy dependencies, as service providers of cloze.text and cloze.image. */
@org.jspecify.annotations.NullMarked
module cloze.media {
    requires cloze.core;
    requires com.github.luben.zstd_jni;
    requires java.desktop;
    requires metadata.extractor;
    requires org.apache.commons.compress;
    requires org.slf4j;
    requires tools.jackson.databind;
    requires static org.jspecify;

    provides cloze.text.TextFormat with
            ParquetFormat;
    provides cloze.image.ImageArchive with
            ParquetImages,
            TarImages;
    provides cloze.image.ImageCodec with
            ImageIoCodec;
}
