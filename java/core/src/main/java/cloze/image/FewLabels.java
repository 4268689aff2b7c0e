package cloze.image;

import cloze.data.DataException;
import cloze.data.Permutation;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The same number of images of every class, drawn by a seed: what there is to learn from where labels are few. What is
 * drawn depends on the labels, the number and the seed alone; a larger number with the same seed holds the smaller one.
 */
public final class FewLabels {
    private FewLabels() {}

    /**
     * Draws {@code perClass} images of each class.
     *
     * @throws DataException if the images have no classes, or a class has fewer images
     */
    public static ImageSet draw(ImageSet images, int perClass, long seed) throws DataException {
        if (perClass < 1) {
            throw new IllegalArgumentException("FewLabels: perClass must be 1 or more, but it is " + perClass);
        }
        List<List<Integer>> members = members(images);
        List<Integer> drawn = new ArrayList<>();
        for (int label = 0; label < members.size(); label++) {
            List<Integer> of = members.get(label);
            if (of.size() < perClass) {
                throw new DataException("%d images of each class are wanted, but there are only %d of '%s'"
                        .formatted(perClass, of.size(), images.classes().get(label)));
            }
            var order = new Permutation(of.size(), Permutation.mix(seed) ^ Permutation.mix(label));
            for (int i = 0; i < perClass; i++) {
                drawn.add(of.get((int) order.at(i)));
            }
        }
        drawn.sort(Comparator.naturalOrder());
        return images.subset(drawn);
    }

    /** The images of each class. */
    private static List<List<Integer>> members(ImageSet images) throws DataException {
        if (!images.labelled()) {
            throw new DataException("the images have no classes: they can not be told apart by them");
        }
        List<List<Integer>> members = new ArrayList<>();
        images.classes().forEach(_ -> members.add(new ArrayList<>()));
        for (int i = 0; i < images.count(); i++) {
            members.get(images.label(i)).add(i);
        }
        return members;
    }
}
