package cloze.image;

import cloze.io.DataException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.ServiceLoader;

/**
 * Reads encoded images such as JPEG and PNG, and writes PNG. Providers are found by {@link ServiceLoader}; cloze-media
 * has one.
 */
public interface ImageCodec {
    /** Maximum size of an image. The declared size is checked before memory is allocated. */
    long LARGEST = 100_000_000; // pixels

    /** True if this codec reads files with this extension, such as {@code x.jpg}. */
    boolean reads(String name);

    /**
     * Decodes an image and rotates it upright.
     *
     * @param name for messages
     * @param encoded content of the file
     * @throws IOException if it is damaged, of an unknown format, or declares more than {@link #LARGEST} pixels
     */
    Picture decode(String name, byte[] encoded) throws IOException;

    /** Encodes a picture as a PNG file. */
    byte[] png(Picture picture) throws IOException;

    /**
     * Finds the installed codec.
     *
     * @throws DataException if there is none
     */
    static ImageCodec installed() throws DataException {
        List<ImageCodec> found = ServiceLoader.load(ImageCodec.class).stream()
                .map(ServiceLoader.Provider::get)
                .toList();
        if (found.isEmpty()) {
            throw new DataException("no reader of JPEG and PNG is installed: put cloze-media on the path");
        }
        return found.getFirst();
    }

    /** The extension of a file name in lower case, without the dot; empty if there is none. */
    static String ending(Path file) {
        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
        return name.substring(name.lastIndexOf('.') + 1);
    }
}
