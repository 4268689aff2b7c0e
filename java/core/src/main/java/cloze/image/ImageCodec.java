package cloze.image;

import cloze.io.DataException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.ServiceLoader;

/** Reads encoded images, JPEG, PNG and the like, and writes PNG. Providers are found by {@link ServiceLoader}; cloze-media has one. */
public interface ImageCodec {
    /** Larger images are refused by the size they declare, before room is made for them. */
    long LARGEST = 100_000_000; // pixels

    /** Whether files of this name are of a format that is read, such as {@code x.jpg}. */
    boolean reads(String name);

    /**
     * Decodes an image and turns it upright.
     *
     * @param name for messages
     * @param encoded the whole file
     * @throws IOException if it is broken, of no known format, or declares more than {@link #LARGEST} pixels
     */
    Picture decode(String name, byte[] encoded) throws IOException;

    /** The picture as a PNG file. */
    byte[] png(Picture picture) throws IOException;

    /** The codec that is installed. @throws DataException if there is none */
    static ImageCodec installed() throws DataException {
        List<ImageCodec> found = ServiceLoader.load(ImageCodec.class).stream()
                .map(ServiceLoader.Provider::get)
                .toList();
        if (found.isEmpty()) {
            throw new DataException("no reader of JPEG, PNG and the like is there: put cloze-media on the path");
        }
        return found.getFirst();
    }

    /** The ending of a file's name, in small letters, without the dot; empty if there is none. */
    static String ending(Path file) {
        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
        return name.substring(name.lastIndexOf('.') + 1);
    }
}
