package cloze.stat;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Rows of numbers that each stand for something of a known class, such as the vectors of images: what probes learn from
 * and are judged on.
 */
public final class Features {
    private final int width;
    private final float[] values;
    private final int[] labels;
    private final int classes;

    /**
     * Keeps the arrays, which nobody may change any more.
     *
     * @param width D
     * @param values [N, D]
     * @param labels [N], each in [0, classes)
     */
    public Features(int width, float[] values, int[] labels, int classes) {
        if (width < 1 || values.length != (long) labels.length * width) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "Features: values must be [%d, %d], a row for each label, but are %d numbers",
                    labels.length,
                    width,
                    values.length));
        }
        for (int label : labels) {
            if (label < 0 || label >= classes) {
                throw new IllegalArgumentException(String.format(
                        Locale.ROOT, "Features: labels must be in [0, %d), but one is %d", classes, label));
            }
        }
        this.width = width;
        this.values = values;
        this.labels = labels;
        this.classes = classes;
    }

    /** D */
    public int width() {
        return width;
    }

    /** N */
    public int count() {
        return labels.length;
    }

    public int classes() {
        return classes;
    }

    /** The class of row i. */
    public int label(int i) {
        return labels[i];
    }

    /** Number d of row i. */
    public float at(int i, int d) {
        return values[i * width + d];
    }

    /** All rows [N, D], to read only. */
    float[] values() {
        return values;
    }

    /** [N], to read only. */
    public int[] labels() {
        return labels;
    }

    /** Row i, [D]. */
    public float[] row(int i) {
        return Arrays.copyOfRange(values, i * width, (i + 1) * width);
    }

    /** Some of the rows, in the order given. */
    public Features subset(List<Integer> rows) {
        float[] some = new float[rows.size() * width];
        int[] of = new int[rows.size()];
        for (int i = 0; i < of.length; i++) {
            int row = rows.get(i);
            System.arraycopy(values, row * width, some, i * width, width);
            of[i] = labels[row];
        }
        return new Features(width, some, of, classes);
    }
}
