package cloze.image;

import java.io.IOException;
import java.nio.file.Path;

/** A file format that holds many images, such as tar. Providers are found by {@link java.util.ServiceLoader}. */
public interface ImageArchive {
    /** True if the file name has an extension of this format. */
    boolean reads(Path file);

    /** Opens a file; its images are decoded by {@code codec}. */
    ImageSet open(Path file, ImageCodec codec) throws IOException;
}
