package cloze.image;

import java.io.IOException;
import java.util.List;

/** Images by number, read when they are asked for, from any thread. */
public interface ImageSet extends AutoCloseable {
    int count();

    /** Where image i comes from, for people. */
    String name(int i);

    /** The class of image i, or -1 if it is not known. */
    int label(int i);

    /** Names of the classes, empty if there are none. */
    List<String> classes();

    /** @throws IOException if image i can not be read; others may still be read */
    Picture read(int i) throws IOException;

    /** Whether every image has a class. */
    default boolean labelled() {
        return !classes().isEmpty();
    }

    /** Some of the images, in the order given. */
    default ImageSet subset(List<Integer> indices) {
        return new SubsetImages(this, indices);
    }

    @Override
    default void close() throws IOException {}
}
