package cloze.image;

import java.io.IOException;
import java.nio.file.Path;

/** A kind of file that holds many images, such as tar. Providers are found by {@link java.util.ServiceLoader}. */
public interface ImageArchive {
    /** Whether the name of the file says that it is of this kind. */
    boolean reads(Path file);

    /** Opens a file; its images are decoded by {@code codec}. */
    ImageSet open(Path file, ImageCodec codec) throws IOException;
}
