package cloze.image;

import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Images by index, read on demand. Thread-safe. */
public interface ImageSet extends AutoCloseable {
    int count();

    /** Name of image i for messages, such as its file. */
    String name(int i);

    /** The class of image i, or -1 if it is unknown. */
    int label(int i);

    /** Names of the classes, empty if there are none. */
    List<String> classes();

    /** @throws IOException if image i cannot be read; others may still be readable */
    Picture read(int i) throws IOException;

    /** True if every image has a class. */
    default boolean labelled() {
        return !classes().isEmpty();
    }

    /**
     * The images of one folder of an archive, with classes of their own; null if there is no such folder, or if this is
     * no archive of folders. Closing it closes this set.
     */
    default @Nullable ImageSet inside(String folder) {
        return null;
    }

    /** A view of some of the images, in the given order. */
    default ImageSet subset(List<Integer> indices) {
        return new SubsetImages(this, indices);
    }

    @Override
    default void close() throws IOException {}
}
