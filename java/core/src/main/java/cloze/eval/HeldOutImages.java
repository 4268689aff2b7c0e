package cloze.eval;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.image.Augmentation;
import cloze.image.ImageBatch;
import cloze.image.ImageBatches;
import cloze.image.ImageSet;
import cloze.image.Unreadable;
import cloze.model.MaskedImageModel;
import cloze.model.VitConfig;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import cloze.train.Evaluation;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The loss on held-out images, always the same under the same masks: {@code val_loss}; where pixels are predicted
 * without normalisation, also {@code val_psnr} over the hidden ones, in dB.
 */
public final class HeldOutImages implements Evaluation {
    /** Name of the mean loss over hidden patches. */
    public static final String LOSS = "val_loss";

    /** PSNR of predicted hidden pixels, in dB: of the model and of the simple baselines. */
    public record Marks(double model, double meanColour, double inverseDistance) {}

    private static final int BATCH = 64;
    private static final long MASKS = 0x4d41534b; // separate from the masks of training

    private final Backend backend;
    private final MaskedImageModel model;
    private final Augmentation augmentation;
    private final ImageBatch images;

    private HeldOutImages(Backend backend, MaskedImageModel model, Augmentation augmentation, ImageBatch images) {
        this.backend = backend;
        this.model = model;
        this.augmentation = augmentation;
        this.images = images;
    }

    /**
     * Reads up to {@code most} images, in a fixed order.
     *
     * @param augmentation none, of the model's size
     */
    public static HeldOutImages read(
            Backend backend,
            MaskedImageModel model,
            ImageSet heldOut,
            Augmentation augmentation,
            int most,
            boolean strict)
            throws IOException {
        int count = Math.min(most, heldOut.count());
        ImageBatch images = ImageBatches.read(heldOut, augmentation, count, 0, new Unreadable(strict));
        return new HeldOutImages(backend, model, augmentation, images);
    }

    @Override
    public Map<String, Double> evaluate() {
        var metrics = new LinkedHashMap<String, Double>();
        metrics.put(LOSS, loss());
        if (!model.normalizes()) {
            metrics.put("val_psnr", marks(false).model());
        }
        return metrics;
    }

    private double loss() {
        double sum = 0;
        for (int from = 0; from < images.count(); from += BATCH) {
            try (Scope scope = backend.memory().scope("evaluation")) {
                Tape tape = Tape.inference(backend, scope);
                Tensor patches = model.patches(tape, pixels(from));
                int b = patches.shape().extent(0);
                Tensor loss = model.losses(tape, patches, model.mask(tape, b, MASKS, from))
                        .getFirst();
                sum += (double) backend.scalar(loss) * b;
            }
        }
        return sum / images.count();
    }

    private float[] pixels(int from) {
        int size = augmentation.size();
        int end = Math.min(from + BATCH, images.count());
        return java.util.Arrays.copyOfRange(images.pixels(), from * size, end * size);
    }

    /** The PSNR of the model and of the baselines, over all hidden pixels of all images. */
    public Marks marks() {
        return marks(true);
    }

    private Marks marks(boolean simplest) {
        VitConfig sizes = model.encoder().config();
        double filled = 0;
        double mean = 0;
        double distance = 0;
        long count = 0;
        for (int from = 0; from < images.count(); from += BATCH) {
            Reconstruction made = reconstruction(from);
            for (int i = 0; i < made.count(); i++) {
                var image = new Inpainting(sizes.image(), sizes.channels(), made.original(i), made.hidden(i));
                filled += image.squaredError(made.predicted(i));
                mean += simplest ? image.squaredError(image.meanColour()) : 0;
                distance += simplest ? image.squaredError(image.inverseDistance()) : 0;
                count += image.hiddenCount();
            }
        }
        return new Marks(
                Inpainting.psnr(filled, count), Inpainting.psnr(mean, count), Inpainting.psnr(distance, count));
    }

    /** The reconstruction of up to 64 images from index {@code from} on. */
    public Reconstruction reconstruction(int from) {
        return Reconstruction.of(backend, model, augmentation.normalization(), pixels(from), MASKS, from);
    }
}
