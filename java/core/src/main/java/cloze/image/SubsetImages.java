package cloze.image;

import java.io.IOException;
import java.util.List;

/** Some images of a set. Closing it does not close the set. */
record SubsetImages(ImageSet all, List<Integer> indices) implements ImageSet {
    SubsetImages {
        indices = List.copyOf(indices);
    }

    @Override
    public int count() {
        return indices.size();
    }

    @Override
    public String name(int i) {
        return all.name(indices.get(i));
    }

    @Override
    public int label(int i) {
        return all.label(indices.get(i));
    }

    @Override
    public List<String> classes() {
        return all.classes();
    }

    @Override
    public Picture read(int i) throws IOException {
        return all.read(indices.get(i));
    }
}
