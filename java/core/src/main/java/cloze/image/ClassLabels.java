package cloze.image;

import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Classes by the names that images have of them. There are classes if each image has one. */
public final class ClassLabels {
    private final List<String> classes;
    private final int[] labels;

    private ClassLabels(List<String> classes, int[] labels) {
        this.classes = classes;
        this.labels = labels;
    }

    /** Names in the order of the images, null for none; classes are sorted by name, or numbers by value. */
    public static ClassLabels of(List<? extends @Nullable String> names, boolean isNumbered) {
        boolean byValue = isNumbered && names.stream().allMatch(name -> name != null && name.matches("\\d{1,9}"));
        Comparator<String> order = Comparator.naturalOrder();
        var sorted = new TreeSet<>(
                byValue ? Comparator.<String>comparingInt(Integer::parseInt).thenComparing(order) : order);
        for (String name : names) {
            if (name == null) {
                return new ClassLabels(List.of(), new int[0]);
            }
            sorted.add(name);
        }
        List<String> classes = List.copyOf(sorted);
        Map<String, Integer> index = new HashMap<>();
        classes.forEach(name -> index.put(name, index.size()));
        return new ClassLabels(
                classes,
                names.stream().mapToInt(name -> index.getOrDefault(name, -1)).toArray());
    }

    /**
     * The class that folders give: the first on the path of an image; null if it lies in none.
     *
     * @param inside name in the data set, with / between its parts
     */
    public static @Nullable String folder(String inside) {
        int end = inside.indexOf('/');
        return end < 0 ? null : inside.substring(0, end);
    }

    public List<String> classes() {
        return classes;
    }

    /** The class of image i, or -1. */
    public int label(int i) {
        return labels.length == 0 ? -1 : labels[i];
    }
}
