package cloze.image;

import cloze.io.DataException;
import cloze.stat.Permutation;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.IntUnaryOperator;

/**
 * Draws the same number of images from every class, for training with few labels. The draw depends only on the labels,
 * the number and the seed. A larger draw with the same seed contains the smaller one.
 */
public final class FewLabels {
    private FewLabels() {}

    /**
     * Draws {@code perClass} images of each class.
     *
     * @throws DataException if the images have no classes, or a class has fewer images
     */
    public static ImageSet draw(ImageSet images, int perClass, long seed) throws DataException {
        if (!images.labelled()) {
            throw new DataException("the images have no classes, so they can not be drawn by class");
        }
        return images.subset(draw(images.count(), images::label, images.classes(), perClass, seed));
    }

    /**
     * Draws {@code perClass} indices of each class from 0 to {@code count - 1}.
     *
     * @param label class of each index
     * @return the indices in ascending order
     * @throws DataException if a class has fewer members
     */
    public static List<Integer> draw(int count, IntUnaryOperator label, List<String> classes, int perClass, long seed)
            throws DataException {
        if (perClass < 1) {
            throw new IllegalArgumentException("FewLabels: perClass must be 1 or more, but it is " + perClass);
        }
        List<List<Integer>> members = new ArrayList<>();
        classes.forEach(_ -> members.add(new ArrayList<>()));
        for (int i = 0; i < count; i++) {
            members.get(label.applyAsInt(i)).add(i);
        }
        List<Integer> drawn = new ArrayList<>();
        for (int c = 0; c < members.size(); c++) {
            List<Integer> of = members.get(c);
            if (of.size() < perClass) {
                throw new DataException(String.format(
                        Locale.ROOT,
                        "%d images of each class are needed, but there are only %d of '%s'",
                        perClass,
                        of.size(),
                        classes.get(c)));
            }
            var order = new Permutation(of.size(), Permutation.mix(seed) ^ Permutation.mix(c));
            for (int i = 0; i < perClass; i++) {
                drawn.add(of.get((int) order.at(i)));
            }
        }
        drawn.sort(Comparator.naturalOrder());
        return drawn;
    }
}
