package cloze.image;

import cloze.io.DataException;
import java.io.IOException;
import java.util.List;
import java.util.Set;

/** Pictures in memory, some of which can not be read. */
record TestImages(List<Picture> pictures, Set<Integer> broken) implements ImageSet {
    TestImages(List<Picture> pictures) {
        this(pictures, Set.of());
    }

    @Override
    public int count() {
        return pictures.size();
    }

    @Override
    public String name(int i) {
        return "picture " + i;
    }

    @Override
    public int label(int i) {
        return i % 2;
    }

    @Override
    public List<String> classes() {
        return List.of("even", "odd");
    }

    @Override
    public Picture read(int i) throws IOException {
        if (broken.contains(i)) {
            throw new DataException("picture " + i, "byte 7", "a picture", "none");
        }
        return pictures.get(i);
    }
}
