package cloze.image;

import cloze.io.DataException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Sets one after the other as one set, such as the shards of an archive. Classes are matched by their names. */
final class JoinedImages implements ImageSet {
    private final List<ImageSet> sets;
    private final int[] ends;
    private final List<String> classes;
    private final List<ClassLabels> labels;

    JoinedImages(List<ImageSet> sets) throws DataException {
        this.sets = List.copyOf(sets);
        ends = new int[sets.size()];
        long end = 0;
        for (int i = 0; i < ends.length; i++) {
            end += sets.get(i).count();
            if (end > Integer.MAX_VALUE) {
                throw new DataException(sets.get(i).name(0), "number", "2^31 - 1 images at most", end + " so far");
            }
            ends[i] = (int) end;
        }
        boolean same = sets.stream()
                .allMatch(set -> set.classes().equals(sets.getFirst().classes()));
        labels = same ? List.of() : List.of(byName());
        classes = same ? sets.getFirst().classes() : labels.getFirst().classes();
    }

    private ClassLabels byName() {
        List<@Nullable String> names = new ArrayList<>();
        for (ImageSet set : sets) {
            for (int i = 0; i < set.count(); i++) {
                names.add(set.label(i) < 0 ? null : set.classes().get(set.label(i)));
            }
        }
        return ClassLabels.of(names, true);
    }

    private int set(int i) {
        int found = Arrays.binarySearch(ends, i + 1);
        return found < 0 ? -found - 1 : found;
    }

    private int inSet(int i) {
        int set = set(i);
        return set == 0 ? i : i - ends[set - 1];
    }

    @Override
    public int count() {
        return ends[ends.length - 1];
    }

    @Override
    public String name(int i) {
        return sets.get(set(i)).name(inSet(i));
    }

    @Override
    public int label(int i) {
        return labels.isEmpty()
                ? sets.get(set(i)).label(inSet(i))
                : labels.getFirst().label(i);
    }

    @Override
    public List<String> classes() {
        return classes;
    }

    @Override
    public Picture read(int i) throws IOException {
        return sets.get(set(i)).read(inSet(i));
    }

    @Override
    public void close() throws IOException {
        for (ImageSet set : sets) {
            set.close();
        }
    }
}
