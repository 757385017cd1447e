"""The commonest function words of some languages: prose is full of them, menus and lists of keywords are not."""

FUNCTION_WORDS: dict[str, str] = {
    "English": "the of and to a in is that for it on with as was be by are this at from or an not have but they you we "
    "which his her he she i their has had will can if there about more when who been would were what so its than into "
    "them these those do does did my your our us me him how because while after before also just very",
    "German": "der die das und ist nicht ein eine einen einem einer mit sich auf für im dem den des von zu es auch als "
    "wie bei aus nach wird sind war wir sie ich werden noch nur oder aber wenn kann durch zum zur über hat haben dass",
    "French": "le la les un une des et est pas dans pour qui que sur avec ce cette ces il elle nous vous ils au aux du "
    "en se par plus ne sont ou mais comme être son sa ses leur était ont tout fait dont où",
    "Spanish": "el la los las un una y es no en de que por con para se su sus lo al del como más pero este esta son "
    "entre cuando muy sin sobre también ha fue hay porque está ya desde todo nos",
    "Portuguese": "o a os as um uma e é não em de que por com para se seu sua ao do da dos das na no nos como mais mas "
    "foi ser são quando muito também já pelo pela isso está",
    "Italian": "il lo la i gli le un una e è non in di che per con si del della dei delle al alla nel nella come più "
    "ma sono anche da questo questa essere stato ha hanno",
    "Dutch": "de het een en is niet in van dat op te voor met zijn aan er ook als maar om door naar bij uit wordt deze "
    "heeft ik je we ze hun nog dan wat",
    "Polish": "i w na z do się nie jest że to o jak po co dla ale od za przez przy oraz są był który która być tym",
    "Czech": "a v na se je že to z do o s pro jak ale od za po při jsou byl který která které být by není jako",
    "Swedish": "och i att det som en på är av för med till den har de inte om ett men var från så kan vi jag eller när",
    "Danish and Norwegian": "og i at det som en på er av for med til den har de ikke om et men var fra så kan vi jeg",
    "Turkish": "ve bir bu da de için ile çok daha olarak gibi olan ne ama en kadar sonra var değil",
    "Romanian": "și în de la cu pe nu este că o un din care pentru mai sunt ca fi sau a fost",
    "Hungarian": "a az és hogy nem is egy ez meg de van volt csak már mint vagy ki még",
    "Finnish": "ja on ei se että oli hän mutta kun niin myös joka ovat ole tai kuin",
    "Indonesian": "yang dan di ini itu untuk dengan dari pada tidak dalam adalah ke akan juga",
    "Vietnamese": "và của là có được cho không trong các với này một những đã khi",
    "Russian": "и в не на что он с как это по но они мы из у за к от так же для все было был быть его её или бы",
    "Ukrainian": "і в не на що з як це та до він за але від для у про бути був було його або",
    "Bulgarian": "и в не на че се е да за от с по като но са или при това той",
    "Greek": "και το να η ο του της με για που από στο την των είναι σε δεν τα",
    "Arabic": "في من على إلى أن ما لا هذا هذه التي الذي عن مع كان وقد بين",
    "Hebrew": "של את על לא זה הוא היא עם גם כי אבל או אם",
    "Persian": "و در به از که این را با است برای آن یک",
    "Hindi": "के का की में है से और को पर यह हैं ने एक था",
    "Bengali": "এবং এই করে থেকে জন্য একটি করা হয়",
    "Korean": "그 이 수 있는 및 것은 하는 있다 그리고 대한 위해",
    "Chinese and Japanese": "的 是 不 在 了 和 有 我 他 这 们 也 就 の に は を た が で と し て も",
}
